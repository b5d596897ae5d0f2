/**
 * What the kernel says of one process: its processor time (all threads, those that have ended included) and its memory.
 * Where there is no /proc (macOS) nothing is known, and what needs it is not measured.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

const CLOCK_TICKS_PER_SECOND = 100;

export const HAS_PROC = existsSync('/proc/self/stat');

/** User and system time: proc(5), fields 14 and 15; the name, which may hold blanks and parentheses, is skipped. */
export function cpuSeconds(pid: number): number | null {
  const text = read(pid, 'stat');
  return text === null ? null : cpuSecondsOf(text);
}

export function cpuSecondsOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SECOND;
}

/** Resident now, MiB. */
export function rssMb(pid: number): number | null {
  return statusMb(pid, 'VmRSS');
}

/** The most that was resident since the start, or since `resetPeak`, MiB. */
export function peakRssMb(pid: number): number | null {
  return statusMb(pid, 'VmHWM');
}

/** False where the kernel does not allow it. */
export function resetPeak(pid: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch {
    return false;
  }
}

/** How many files and connections a process may have open; Infinity where that is not known. */
export function openFilesLimit(): number {
  const limits = HAS_PROC ? readFileSync('/proc/self/limits', 'utf8') : '';
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return hard === undefined ? Number.POSITIVE_INFINITY : Number(hard);
}

/** What the machine could still give, MiB. */
export function availableMb(): number | null {
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(HAS_PROC ? readFileSync('/proc/meminfo', 'utf8') : '')?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
}

function statusMb(pid: number, field: string): number | null {
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(pid, 'status') ?? '')?.[1];
  return kilobytes === undefined ? null : Number(kilobytes) / 1024;
}

function read(pid: number, file: 'stat' | 'status'): string | null {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return null;
  }
}

/**
 * One after the other per name, names independently of each other.
 *
 * A user's requests take turns, so that the user's keys have one writer at a time and their state stays known exactly.
 */
export class Turns {
  private readonly last = new Map<string, Promise<unknown>>();

  take<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.last.get(name) ?? Promise.resolve()).then(work, work);
    this.last.set(name, turn);
    const leave = (): void => {
      if (this.last.get(name) === turn) this.last.delete(name);
    };
    turn.then(leave, leave);
    return turn;
  }
}

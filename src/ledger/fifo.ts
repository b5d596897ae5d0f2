/** A queue with O(1) shift: the array is cut only when half of it is behind the head. */
export class Fifo<T> {
  private items: T[] = [];
  private head = 0;

  get length(): number {
    return this.items.length - this.head;
  }

  front(): T | undefined {
    return this.items[this.head];
  }

  push(item: T): void {
    this.items.push(item);
  }

  /** Takes the front; the queue must not be empty. */
  shift(): T {
    const item = this.items[this.head]!;
    this.head++;
    if (this.head > 64 && this.head * 2 > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return item;
  }

  /** False when it was not in the queue. */
  remove(item: T): boolean {
    const at = this.items.indexOf(item, this.head);
    if (at >= 0) this.items.splice(at, 1);
    return at >= 0;
  }
}

/**
 * The most frequent of a stream of names in bounded memory: "space saving" (Metwally, Agrawal, El Abbadi 2005).
 *
 * A name that is not counted takes the place of the least frequent one and inherits its count, which it may be too high by
 * (`error`). Whatever makes up more than 1/capacity of the stream is certainly among them.
 */
export interface TopKey {
  readonly key: string;
  /** at most by `error` too high */
  readonly count: number;
  readonly error: number;
}

interface Place {
  count: number;
  error: number;
}

export class TopKeys {
  /** All that was counted. */
  total = 0;
  private readonly places = new Map<string, Place>();

  constructor(private readonly capacity: number) {}

  count(key: string): void {
    this.total++;
    const place = this.places.get(key);
    if (place !== undefined) {
      place.count++;
      return;
    }
    if (this.places.size < this.capacity) {
      this.places.set(key, { count: 1, error: 0 });
      return;
    }
    let least = '';
    let count = Number.POSITIVE_INFINITY;
    for (const [name, other] of this.places) {
      if (other.count < count) {
        least = name;
        count = other.count;
      }
    }
    this.places.delete(least);
    this.places.set(key, { count: count + 1, error: count });
  }

  /** The most frequent ones first. */
  top(limit: number): TopKey[] {
    return [...this.places]
      .map(([key, { count, error }]) => ({ key, count, error }))
      .sort((a, b) => b.count - a.count)
      .slice(0, limit);
  }

  reset(): void {
    this.total = 0;
    this.places.clear();
  }
}

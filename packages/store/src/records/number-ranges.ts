/** From one number to another, both included. */
export type NumberRange = readonly [from: number, to: number];

/** A set of numbers of which most follow each other: it takes as much memory as it has gaps. */
export class NumberRanges {
  #ranges: NumberRange[] = [];

  /** In ascending order, with a gap between any two. */
  get ranges(): readonly NumberRange[] {
    return this.#ranges;
  }

  get size(): number {
    return this.#ranges.reduce((size, [from, to]) => size + to - from + 1, 0);
  }

  add(number: number): void {
    this.addAll([number, number]);
  }

  addAll([from, to]: NumberRange): void {
    let index = this.#ranges.length;
    while (index > 0 && (this.#ranges[index - 1] as NumberRange)[1] >= from - 1) index--;
    let [first, last] = [from, to];
    let end = index;
    for (let next = this.#ranges[end]; next !== undefined && next[0] <= to + 1; next = this.#ranges[++end]) {
      first = Math.min(first, next[0]);
      last = Math.max(last, next[1]);
    }
    this.#ranges.splice(index, end - index, [first, last]);
  }

  deleteAll([from, to]: NumberRange): void {
    this.#ranges = this.#ranges.flatMap((range): NumberRange[] => {
      const [first, last] = range;
      if (last < from || first > to) return [range];
      const before: NumberRange = [first, from - 1];
      const behind: NumberRange = [to + 1, last];
      return [before, behind].filter(([one, other]) => one <= other);
    });
  }
}

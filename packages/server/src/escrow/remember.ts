/** Copies that were not confirmed, and recoveries, of which no more are kept in mind. */
const MAX_OPEN = 32;

/** Keeps the newest. */
export function remember<T>(map: Map<string, T>, id: string, value: T): void {
  map.set(id, value);
  for (const oldest of map.keys()) {
    if (map.size <= MAX_OPEN) break;
    map.delete(oldest);
  }
}

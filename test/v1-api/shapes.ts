/** Names and kinds of a value, as JSON. Of a list, the shapes that its elements have. */

export function shapeOf(value: unknown): unknown {
  if (value === null) return 'null';
  if (value instanceof Float32Array) return `Float32Array(${value.length})`;
  if (Array.isArray(value)) {
    const shapes = new Map(value.map((one) => [JSON.stringify(shapeOf(one)), shapeOf(one)]));
    return [...shapes.values()];
  }
  if (typeof value !== 'object') return typeof value;
  const fields = Object.entries(value).filter(([, held]) => typeof held !== 'function');
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, held]) => [name, shapeOf(held)]));
}

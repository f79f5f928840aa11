/** Lists of names in messages: a few of them, and how many more there are. */
export function few(names: readonly string[], most = 12): string {
  if (names.length <= most) return names.join(', ');
  return `${names.slice(0, most).join(', ')} … and ${(names.length - most).toLocaleString('en-US')} more`;
}

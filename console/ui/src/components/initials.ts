/** 王小明 → 明, Ana Silva → AS. The last character of a Chinese name tells people apart, as the first does not. */
export function initialsOf(name: string): string {
  const s = name.trim();
  if (/^[\u3400-\u9fff·]+$/.test(s)) return s.slice(-1);
  const words = s.split(/[\s._-]+/).filter((w) => /^[\p{L}\p{N}]/u.test(w));
  const first = Array.from(words[0] ?? "")[0] ?? "";
  const last = words.length > 1 ? (Array.from(words.at(-1) ?? "")[0] ?? "") : "";
  return (first + last).toUpperCase();
}

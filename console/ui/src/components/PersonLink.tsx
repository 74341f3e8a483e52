import { Link } from "@tanstack/react-router";
import { useLabels } from "@/lib/labels";
import "./person.css";

/** A person's name that leads to their page. `person` needs only an id; the name is shown when it is known. */
export function PersonLink({
  person,
  avatar,
}: {
  person: { id: string; name: string | null; known?: boolean };
  avatar?: boolean;
}) {
  const labels = useLabels();
  const name = labels.person(person);
  return (
    <Link
      to="/people/$ref"
      params={{ ref: person.id }}
      className="person-link"
      title={name}
      onClick={(e) => e.stopPropagation()}
    >
      {avatar && <Avatar id={person.id} name={person.name} />}
      <span className={person.name ? "ellipsis" : "ellipsis muted"}>{name}</span>
    </Link>
  );
}

/** Initials on basalt; an anonymous person is an empty outline. */
export function Avatar({ id, name, size = 24 }: { id: string; name: string | null; size?: number }) {
  const initials = name ? initialsOf(name) : "";
  return (
    <span
      className="avatar"
      data-anonymous={name ? undefined : ""}
      data-shade={shadeOf(id)}
      style={{ width: size, height: size, fontSize: Math.round(size * (initials.length > 1 ? 0.4 : 0.48)) }}
      aria-hidden="true"
    >
      {initials}
    </span>
  );
}

/** 王小明 → 明, Ana Silva → AS. The last character of a Chinese name tells people apart, as the first does not. */
export function initialsOf(name: string): string {
  const s = name.trim();
  if (/^[\u3400-\u9fff·]+$/.test(s)) return s.slice(-1);
  const words = s.split(/[\s._-]+/).filter(Boolean);
  const first = Array.from(words[0] ?? "")[0] ?? "";
  const last = words.length > 1 ? (Array.from(words.at(-1) ?? "")[0] ?? "") : "";
  return (first + last).toUpperCase();
}

function shadeOf(id: string): number {
  let h = 0;
  for (const c of id) h = (h * 31 + c.charCodeAt(0)) >>> 0;
  return h % 4;
}

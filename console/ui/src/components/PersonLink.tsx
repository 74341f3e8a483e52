import { Link } from "@tanstack/react-router";
import { UserRound } from "lucide-react";
import { useLabels } from "@/lib/labels";
import { initialsOf } from "./initials";
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

/** Initials on basalt; an anonymous person is a figure in an outline. */
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
      {initials || <UserRound size={Math.round(size * 0.55)} />}
    </span>
  );
}

function shadeOf(id: string): number {
  let h = 0;
  for (const c of id) h = (h * 31 + c.charCodeAt(0)) >>> 0;
  return h % 4;
}

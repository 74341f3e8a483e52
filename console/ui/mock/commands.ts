import type { components } from "../src/api/schema";
import type { Person } from "../src/api/types";
import { answerIdentity } from "./identity.ts";
import { ago, newId, Problem, page } from "./server.ts";
import { type Made, people } from "./world.ts";

type Command = components["schemas"]["Command"];

const done = new Map<string, Command[]>();

function commandsOf(m: Made): Command[] {
  let list = done.get(m.person.id);
  if (!list) {
    list = m.person.known
      ? [
          command(
            "person.correct",
            { set: { city: "上海" } },
            { submitted_at: ago(0.2), state: "waiting", done_at: null },
          ),
          command("person.split", { identifiers: ["device_id:a1b2"] }, { submitted_at: ago(3) }),
          command(
            "person.merge",
            { into: m.person.id },
            {
              submitted_at: ago(9),
              state: "failed",
              failure: "phone:+86138… and user_id:u_20 belong to different persons",
            },
          ),
        ]
      : [];
    done.set(m.person.id, list);
  }
  return list;
}

function command(kind: string, body: Record<string, unknown>, more: Partial<Command> = {}): Command {
  return {
    id: newId("cmd"),
    kind,
    actor: "ana@example.com",
    submitted_at: ago(0),
    body,
    seq: 48_213,
    state: "done",
    done_at: ago(0),
    result: {},
    failure: "",
    ...more,
  };
}

/** Interventions in a person: each is a command that is done at once, and shows. */
export function answerCommands(
  m: Made,
  method: string,
  verb: string,
  q: URLSearchParams,
  body: any,
): unknown {
  const p = m.person;
  const note = (kind: string) => {
    const c = command(kind, body ?? {});
    commandsOf(m).unshift(c);
    return { id: p.id, other: p.id, command: c.id };
  };
  switch (`${method} ${verb}`) {
    case "GET commands":
      return page(commandsOf(m), q);
    case "GET export":
      return { person: p, events: m.events };
    case "POST reveal":
      return {
        id: p.id,
        identifiers: p.identifiers.filter((i) => i.kind === "phone" || i.kind === "email"),
        traits: {},
      };
    case "POST rebuild":
      return note("person.rebuild");
    case "PATCH traits":
      correct(p, body.traits);
      return { ...p, ...note("person.correct") };
    case "POST split/preview":
      return answerIdentity({ method, path: ["preview"], q, body: { kind: "person.split", body } });
    case "POST merge/preview": {
      const other = people.find((x) => x.person.id === body.other) ?? people[0];
      const refs = [m, other].map((x) => x?.person.identifiers[0]).map((i) => `${i?.kind}:${i?.value}`);
      return answerIdentity({
        method,
        path: ["preview"],
        q,
        body: { kind: "person.merge", body: { identifiers: refs } },
      });
    }
    case "POST merge": {
      const other = people.find((x) => x !== m && JSON.stringify(body).includes(x.person.id));
      if (other) {
        p.aliases.push(other.person.id);
        p.identifiers.push(...other.person.identifiers.splice(0));
      }
      return note("person.merge");
    }
    case "POST split": {
      const go = new Set<string>(body.identifiers);
      p.identifiers = p.identifiers.filter((i) => !go.has(`${i.kind}:${i.value}`));
      return { ...note("person.split"), other: newId("p", 6), moved: go.size };
    }
    case "POST erase":
      people.splice(people.indexOf(m), 1);
      return { persons: [p.id], identifiers: p.identifiers.length, command: newId("cmd") };
  }
  throw new Problem(404, `There is no ${verb} of a person.`);
}

function correct(p: Person, traits: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(traits)) {
    if (value === null) delete p.traits[name];
    else p.traits[name] = value;
    p.trait_meta[name] = { ...p.trait_meta[name], updated_at: ago(0) } as Person["trait_meta"][string];
  }
}

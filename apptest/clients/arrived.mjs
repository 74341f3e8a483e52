// Waits until a server has taken what was sent to it: SDKs do not tell when they are done.
import { patience } from './chromium.mjs'

const ask = (server, path) => fetch(new URL(path, server), { headers: { authorization: 'Bearer dev' } })

/** Events that a server has taken in. */
export const accepted = async (server) => (await (await ask(server, '/api/v1/stats')).json()).accepted

/** Items, which are no events, that it was told of. */
export const items = async (server) =>
  Number(/^touchstone_collect_items_total\{what="set"\} (\S+)$/m.exec(await (await ask(server, '/metrics')).text())?.[1] ?? 0)

/** Waits until a server has so many, and a moment more for one too many. */
export async function arrived(server, n, count = accepted) {
  for (const end = Date.now() + patience; Date.now() < end && (await count(server)) < n; ) await new Promise((done) => setTimeout(done, 50))
  await new Promise((done) => setTimeout(done, 300))
}

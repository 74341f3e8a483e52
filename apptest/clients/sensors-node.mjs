// Sends all kinds of data with sa-sdk-node, unmodified.
// Usage: node sensors-node.mjs SERVER_URL
import { createRequire } from 'node:module'
import { accepted, arrived, items } from './arrived.mjs'

const SensorsAnalytics = createRequire(import.meta.url)('sa-sdk-node')
const failures = []
const before = await accepted(process.argv[2])
const set = await items(process.argv[2])
const sensors = new (SensorsAnalytics.default ?? SensorsAnalytics)()
const submitter = sensors.submitTo({ url: process.argv[2], gzip: true, mode: 'track' }, { count: 6, timeSpan: 200 })
submitter.catch((err) => failures.push(err))

for (const act of [
  () => sensors.track('visitor-7', 'Visited', { $userAgent: 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)' }),
  () => sensors.trackSignup('member-7', 'visitor-7', {}),
  () => sensors.track('member-7', 'Ordered', { amount: 289900.5, $app_version: '3.1' }),
  () => sensors.profileSet('member-7', { nickname: '王小明', city: '北京', level: 1 }),
  () => sensors.profileSetOnce('member-7', { first_store: '上海一店' }),
  () => sensors.profileSetOnce('member-7', { first_store: '北京一店' }),
  () => sensors.profileIncrement('member-7', { points: 100 }),
  () => sensors.profileIncrement('member-7', { points: -30 }),
  () => sensors.profileAppend('member-7', { likes: ['red', 'blue'] }),
  () => sensors.profileUnset('member-7', ['city']),
  () => sensors.itemSet('model', 'S2', { price: 120 }),
  () => sensors.itemDelete('model', 'S3'),
]) {
  act()
  await new Promise((done) => setTimeout(done, 5)) // each has a time of its own
}
await arrived(process.argv[2], before + 10) // it cannot tell when it is done
await arrived(process.argv[2], set + 1, items)
if (failures.length > 0) {
  console.error(failures)
  process.exit(1)
}
process.exit(0)

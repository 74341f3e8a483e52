// Sends every call type with @rudderstack/rudder-sdk-node, unmodified but for its address.
// Usage: node rudder-node.mjs SERVER WRITE_KEY
import { createRequire } from 'node:module'

const RudderAnalytics = createRequire(import.meta.url)('@rudderstack/rudder-sdk-node')
const [dataPlaneUrl, writeKey] = process.argv.slice(2)
const client = new (RudderAnalytics.default ?? RudderAnalytics)(writeKey, { dataPlaneUrl, flushAt: 20, flushInterval: 200, gzip: true })
const calls = [
  ['track', { anonymousId: 'r-visitor', event: 'Visited' }],
  ['identify', { userId: 'r-node', anonymousId: 'r-visitor', traits: { phone: '+86 138 0013 8000', city: '上海' } }],
  ['track', { userId: 'r-node', event: 'Order Completed', properties: { total: 289900.5 } }],
  ['page', { userId: 'r-node', name: 'Docs', properties: { path: '/docs' } }],
  ['screen', { userId: 'r-node', name: 'Garage' }],
  ['group', { userId: 'r-node', groupId: 'dealer-7', traits: { name: '上海一店' } }],
  ['alias', { userId: 'r-node', previousId: 'r-legacy' }],
]
await Promise.all(calls.map(([call, message]) => new Promise((done, fail) => client[call](message, (err) => (err ? fail(err) : done())))))
await client.flush?.()
process.exit(0)

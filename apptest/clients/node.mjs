// Sends every call type with @segment/analytics-node, unmodified but for its host option.
// Usage: node node.mjs SERVER WRITE_KEY
import { Analytics } from '@segment/analytics-node'

const [host, writeKey] = process.argv.slice(2)
const analytics = new Analytics({ writeKey, host, flushAt: 5, flushInterval: 200 })
const failures = []
analytics.on('error', (err) => failures.push(err))

analytics.track({ userId: 'legacy-42', event: 'Imported Long Ago' })
analytics.alias({ userId: 'u-42', previousId: 'legacy-42' })
analytics.identify({ userId: 'u-42', traits: { phone: '+86 138 0013 8001', city: '上海', plan: 'pro 🚗' } })
analytics.track({ userId: 'u-42', event: 'Order Completed', properties: { order_id: 'o-1', total: 289900.5, currency: 'CNY' } })
analytics.page({ userId: 'u-42', category: 'Docs', name: 'Node SDK', properties: { path: '/docs/node' } })
analytics.screen({ userId: 'u-42', name: 'Garage' })
analytics.group({ userId: 'u-42', groupId: 'dealer-7', traits: { name: '上海一店' } })
await analytics.closeAndFlush({ timeout: 15000 })
if (failures.length > 0) {
  console.error(failures)
  process.exit(1)
}

// A mini program that tracks and then stands still, for its parent to kill.
// Usage: node miniprogram-app.mjs HOST WRITE_KEY STORAGE_FILE EVENT...
import { fakeWx, loadSDK } from './miniprogram-wx.mjs'

const [host, writeKey, file, ...events] = process.argv.slice(2)
const { analytics } = loadSDK(fakeWx(file))
analytics.init({ host, writeKey, flushInterval: 50 })
for (const event of events) analytics.track(event)
process.stdout.write('tracked\n')
setInterval(() => {
  if (analytics.queued().events === 0) process.stdout.write('sent\n')
}, 20)

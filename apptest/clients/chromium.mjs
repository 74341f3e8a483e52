// Starts the system's Chromium, quietly: no sandbox (tests run as root in containers) and no
// background traffic.
import { chromium } from 'playwright-core'

// How long a script waits for what must come, in ms. A machine may be slow, and busy with other things; only a script
// that fails waits for so long.
export const patience = 120_000

export const launch = (executablePath) =>
  chromium.launch({
    executablePath,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-default-apps', '--no-default-browser-check',
    ],
  })

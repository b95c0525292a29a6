// What a server's event loop, and its small requests, feel of 100,000 builds: node test/bench/server.mjs, after npm run build.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { codec as C, createEngine, forServer, policies, rule, source } from '../../dist/index.js'

const N = 100000
const leaf = source('leaf', { key: C.int, value: C.int })
const node = rule('node', { key: C.int, value: C.int }, function* (i, b) {
  if (i < 1000) return yield* b.need(leaf(i))
  const got = yield* b.all([
    // All of them are needed by one that comes later.
    node(i - 1000),
    node((i * 104729 + 2) % (i - (i % 1000))),
    node((i * 1299709 + 3) % (i - (i % 1000))),
  ])
  return (got[0] + got[1] + got[2]) % 1000003
})
const top = rule('top', { key: C.int, value: C.int }, function* (n, b) {
  const got = yield* b.all(Array.from({ length: 1000 }, (_, i) => node(n - 1000 + i)))
  return got.reduce((x, y) => (x + y) % 1000003, 0)
})
const small = rule('small', { key: C.int, value: C.int }, function* (i, b) {
  return (yield* b.need(leaf(i % 1000))) + 1
})
const run = async (name, drive, policy) => {
  const eng = createEngine({ rules: [leaf, node, top, small], drive, policy, freeze: true })
  eng.transact((tx) => {
    for (let i = 0; i < 1000; i++) tx.set(leaf(i), i)
  })
  await eng.idle()
  const h = monitorEventLoopDelay({ resolution: 1 })
  h.enable()
  const lat = []
  let stop = false
  const poll = (async () => {
    let i = 0
    while (!stop) {
      const t = performance.now()
      await eng.once(small(i++ + 5000)).promise
      lat.push(performance.now() - t)
      await new Promise((r) => setTimeout(r, 10))
    }
  })()
  const cpu = process.cpuUsage()
  const t = performance.now()
  await eng.once(top(N)).promise
  const ms = performance.now() - t
  const c = process.cpuUsage(cpu)
  h.disable()
  stop = true
  await poll
  lat.sort((a, b) => a - b)
  console.log(
    name.padEnd(40),
    'total',
    ms.toFixed(0),
    'cpu',
    ((c.user + c.system) / 1000).toFixed(0),
    'loop delay p99',
    (h.percentile(99) / 1e6).toFixed(1),
    'max',
    (h.max / 1e6).toFixed(0),
    'small p50',
    lat[lat.length >> 1]?.toFixed(1),
    'p99',
    lat[Math.ceil(lat.length * 0.99) - 1]?.toFixed(1),
    'n',
    lat.length,
  )
  await eng.close()
}
for (let r = 0; r < 3; r++) {
  await run('fixpoint driver, fixpoint', { per: 'fixpoint' }, policies.fixpoint())
  await run('slice 5 ms, fixpoint', { per: { ms: 5 } }, policies.fixpoint())
  await run('forServer', forServer.drive, forServer.policy)
}

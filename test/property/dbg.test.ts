import { it } from 'vitest'
import { Play } from '../support/world.js'
import { read } from '../../src/model/table.js'
it('dbg', () => {
  const w: any = {
    rules: new Map<number, any>([
      [10, { asks: [[11]], output: 'sum' }],
      [11, { asks: [[12]], output: 'sum' }],
      [12, { asks: [[1]], ifOdd: [11], output: 'sum' }],
    ]),
    files: new Map([[1, 1]]),
  }
  let log = false
  const play = new Play(w, {
    check: false,
    onTick: (i, _, a) => {
      if (log)
        console.log(
          a.tick,
          JSON.stringify(i),
          '\n' +
            [10, 11, 12, 1]
              .map((x) => x + ':' + Array.from({ length: 12 }, (_, k) => read(a.flight, x, k)).join(','))
              .join('\n'),
        )
    },
  })
  const first = play.request([12])
  play.engine.settleAll()
  while (play.processes.get(12)?.steps[0] !== 'end') {
    play.go(() => 0)
    play.engine.settleAll()
  }
  const second = play.request([10])
  play.engine.settleAll()
  while (play.pending.length > 1) {
    play.go((n) => n - 1)
    play.engine.settleAll()
  }
  log = true
  w.files.set(1, 2)
  play.finish()
  console.log(first, second, play.answers)
})

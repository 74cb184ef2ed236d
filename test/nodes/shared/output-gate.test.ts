import assert from 'node:assert/strict';
import fc from 'fast-check';
import sinon from 'sinon';
import { EventGate } from '../../../nodes/shared/output/events.js';
import { OutputGate, type Verdict } from '../../../nodes/shared/output/gate.js';
import { LoopDelay } from '../../../nodes/shared/output/loop-delay.js';
import { TurnBudget } from '../../../nodes/shared/output/turn.js';

const SEND: Verdict = { send: true, begins: false };
const DROP: Verdict = { send: false, begins: false };

interface Offered {
  keyframe?: boolean;
  age?: number;
  delay?: number;
  isFull?: boolean;
  messages?: number;
  bytes?: number;
}

function offer(gate: OutputGate, now: number, offered: Offered = {}): Verdict {
  const { keyframe = false, age = 0, delay = 0, isFull = false, messages = 1, bytes = 5000 } = offered;
  return gate.picture({ keyframe, arrival: now - age, messages, bytes }, { now, loopDelay: delay, isFull });
}

describe('the gate of a node’s outputs', () => {
  it('sends everything while units are young and the event loop is on time', () => {
    const gate = new OutputGate();
    for (let now = 0; now < 5000; now += 40)
      assert.deepEqual(offer(gate, now, { keyframe: now % 1000 === 0, age: 500, delay: 500 }), SEND);
  });

  for (const [what, trouble] of [
    ['a unit older than 500 ms', { age: 501 }],
    ['an event loop later than 500 ms', { delay: 501 }],
    ['a queue that is full', { isFull: true }],
  ] as const) {
    it(`is in overload with ${what}, says so once, and lets keyframes alone through`, () => {
      const gate = new OutputGate();
      assert.deepEqual(offer(gate, 0, trouble), { send: false, begins: true });
      assert.deepEqual(offer(gate, 40, trouble), DROP);
      assert.equal(offer(gate, 80, { keyframe: true, ...trouble }).send, !('isFull' in trouble));
      assert.deepEqual(offer(gate, 120), DROP);
      assert.deepEqual(offer(gate, 1000, { keyframe: true }), SEND);
    });
  }

  it('sends all again from the first keyframe after 2 s without trouble', () => {
    const gate = new OutputGate();
    assert.deepEqual(offer(gate, 0, { keyframe: true, age: 600 }), { send: true, begins: true });
    assert.deepEqual(offer(gate, 1999), DROP);
    assert.deepEqual(offer(gate, 2000), DROP);
    assert.deepEqual(offer(gate, 2040, { keyframe: true }), SEND);
    assert.deepEqual(offer(gate, 2080), SEND);
  });

  it('restarts the 2 s with every late unit', () => {
    const gate = new OutputGate();
    offer(gate, 0, { keyframe: true, age: 600 });
    assert.deepEqual(offer(gate, 1500, { age: 600 }), DROP);
    assert.deepEqual(offer(gate, 3400, { keyframe: true }), SEND);
    assert.deepEqual(offer(gate, 3440), DROP);
    assert.deepEqual(offer(gate, 3500, { keyframe: true }), SEND);
    assert.deepEqual(offer(gate, 3540), SEND);
  });

  it('reports the second overload, too, even while it still waits for a keyframe after the first', () => {
    const gate = new OutputGate();
    offer(gate, 0, { age: 600 });
    assert.deepEqual(offer(gate, 2500), DROP);
    assert.deepEqual(offer(gate, 2540, { age: 600 }), { send: false, begins: true });
    assert.deepEqual(offer(gate, 5000, { keyframe: true }), SEND);
    assert.deepEqual(offer(gate, 5040, { keyframe: true, delay: 600 }), { send: true, begins: true });
  });

  it('does not hinder 4K at 60 pictures and 25 Mbit/s in NAL units, one for each row, nor what piled up in 2 s', () => {
    const gate = new OutputGate();
    const picture = { messages: 140, bytes: 52_000 };
    for (let now = 0; now < 20_000; now += 1000 / 60)
      assert.deepEqual(offer(gate, now, { keyframe: now === 0, ...picture }), SEND);
    for (let i = 0; i < 60; i++) assert.deepEqual(offer(gate, 22_000 + i, picture), SEND);
  });

  it('does not hinder MJPEG of 60 large pictures a second', () => {
    const gate = new OutputGate();
    for (let now = 0; now < 20_000; now += 1000 / 60)
      assert.deepEqual(offer(gate, now, { keyframe: true, bytes: 600_000 }), SEND);
  });

  for (const [what, every, offered] of [
    ['keyframes', 0.2, { keyframe: true }],
    ['pictures', 0.2, {}],
    ['NAL units', 10, { messages: 2000 }],
    ['bytes', 10, { bytes: 4_000_000, keyframe: true }],
  ] as const) {
    it(`is in overload with a flood of ${what}: said once while it lasts, a few keyframes a second, and over when it is`, () => {
      const gate = new OutputGate();
      let sent = 0;
      let told = 0;
      for (let now = 0; now < 30_000; now += every) {
        const verdict = offer(gate, now, offered);
        if (verdict.begins) told++;
        if (now > 10_000 && verdict.send) sent++;
      }
      assert.equal(told, 1);
      assert.ok(sent <= 81, `${sent} in 20 s`);
      assert.deepEqual(offer(gate, 33_000, { keyframe: true }), SEND);
      assert.deepEqual(offer(gate, 33_040), SEND);
    });
  }

  for (const [what, [step, most], [lessStep, more]] of [
    ['500 units', [2, {}], [1000 / 550, {}]],
    ['10,000 messages', [100, { messages: 1000 }], [100, { messages: 1100 }]],
    ['64 MiB', [100, { bytes: 6_710_886 }], [100, { bytes: 7_500_000 }]],
  ] as const)
    it(`sends ${what} a second for as long as they come, and no more`, () => {
      const overloads = (every: number, offered: Offered): number => {
        const gate = new OutputGate();
        let begins = 0;
        for (let now = 0; now < 30_000; now += every)
          if (offer(gate, now, { keyframe: true, ...offered }).begins) begins++;
        return begins;
      };
      assert.equal(overloads(step, most), 0);
      assert.equal(overloads(lessStep, more), 1);
    });

  for (const [what, count, offered] of [
    ['1000 units', 1000, { bytes: 1 }],
    ['10,000 messages', 10, { messages: 1000, bytes: 1 }],
    ['64 MiB', 16, { bytes: 4 * 1024 * 1024 }],
  ] as const)
    it(`sends ${what} at once, and no more`, () => {
      const gate = new OutputGate();
      for (let i = 0; i < count; i++) assert.deepEqual(offer(gate, 0, offered), SEND, String(i));
      assert.deepEqual(offer(gate, 0, offered), { send: false, begins: true });
    });

  it('never sends what makes no message, and lets it use up nothing', () => {
    const gate = new OutputGate();
    for (let i = 0; i < 2000; i++)
      assert.deepEqual(offer(gate, 0, { keyframe: true, messages: 0, bytes: 1e9 }), DROP);
    assert.deepEqual(offer(gate, 0), SEND);
    offer(gate, 0, { age: 600 });
    for (let i = 0; i < 10; i++) assert.deepEqual(offer(gate, 10, { keyframe: true, messages: 0 }), DROP);
    assert.deepEqual(offer(gate, 20, { keyframe: true }), SEND);
    assert.deepEqual(offer(gate, 2020, { keyframe: true, messages: 0 }), DROP);
    assert.deepEqual(offer(gate, 2040), DROP, 'the keyframe that was not sent is no beginning');
  });

  it('lets no more than its rate through, whatever is offered when', () => {
    const step = fc.record({
      wait: fc.nat(30),
      keyframe: fc.boolean(),
      messages: fc.nat(3000),
      bytes: fc.nat(8_000_000),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 300 }), (steps) => {
        const gate = new OutputGate();
        let now = 0;
        let messages = 0;
        let bytes = 0;
        for (const { wait, ...offered } of steps) {
          now += wait;
          if (!offer(gate, now, offered).send) continue;
          messages += offered.messages;
          bytes += offered.bytes;
        }
        // Beside the rate and what is sent at once: four keyframes a second, and four at once.
        const keyframes = 4 + (4 * now) / 1000;
        assert.ok(messages <= 10_000 * (1 + now / 1000) + 3000 * keyframes);
        assert.ok(bytes <= 64 * 1024 * 1024 * (1 + now / 1000) + 8_000_000 * keyframes);
      }),
    );
  });

  it('judges audio separately: it passes while pictures are dropped, and a flood of it is cut to its rate and reported once', () => {
    const gate = new OutputGate();
    offer(gate, 0, { age: 600 });
    const moment = (now: number): { now: number; loopDelay: number; isFull: boolean } => ({
      now,
      loopDelay: 600,
      isFull: false,
    });
    for (let now = 0; now < 10_000; now += 2.5) assert.deepEqual(gate.sound(100, moment(now)), SEND);
    let sent = 0;
    let told = 0;
    for (let now = 10_000; now < 20_000; now += 0.1) {
      const verdict = gate.sound(1, moment(now));
      if (verdict.send) sent++;
      if (verdict.begins) told++;
    }
    assert.equal(told, 1);
    assert.ok(sent <= 12_000);
    assert.deepEqual(gate.sound(100, moment(23_000)), SEND);
  });
});

describe('the gate of a node’s sound', () => {
  const at = (now: number, isFull = false) => ({ now, loopDelay: 0, isFull });

  it('counts bytes, too, shared with pictures', () => {
    const gate = new OutputGate();
    for (let i = 0; i < 64; i++) assert.equal(gate.sound(1024 * 1024, at(0)).send, true);
    assert.deepEqual(gate.sound(1024 * 1024, at(0)), { send: false, begins: true });
    assert.deepEqual(offer(gate, 0), { send: false, begins: true });
  });

  it('sends none into a full queue, and holds no picture back for that', () => {
    const gate = new OutputGate();
    assert.deepEqual(gate.sound(10, at(0, true)), { send: false, begins: true });
    assert.deepEqual(gate.sound(10, at(1, true)), DROP);
    assert.deepEqual(offer(gate, 2), SEND);
    assert.deepEqual(gate.sound(10, at(2001)), SEND);
    assert.deepEqual(gate.sound(10, at(2002, true)), { send: false, begins: true });
  });
});

describe('the pace of events', () => {
  for (const word of ['gap', 'format', 'warning', 'extended'])
    it(`holds repeated events of the word ${word} back`, () => {
      const gate = new EventGate();
      const sent = Array.from({ length: 10 }, () => gate.offer({ word, event: {} }, 0).length);
      assert.equal(
        sent.reduce((sum, count) => sum + count),
        4,
      );
    });

  it('is kept for each subject, each word and each code, of however many', () => {
    const gate = new EventGate();
    let sent = 0;
    for (let i = 0; i < 10; i++)
      for (const of of ['run 1', 'run 2'])
        for (const word of ['gap', 'warning'])
          for (const code of ['EOVERLOAD', 'EDISK'])
            sent += gate.offer({ word, of, event: { code } }, 0).length;
    assert.equal(sent, 4 * 8);
  });

  it('sends nothing newer of a kind before what is held back of it', () => {
    const gate = new EventGate();
    for (let i = 0; i < 5; i++) gate.offer({ word: 'gap', event: { n: i } }, 0);
    assert.deepEqual(gate.offer({ word: 'gap', event: { n: 5 } }, 600), []);
    assert.deepEqual(gate.due(600), [{ word: 'gap', event: { n: 5, count: 2 } }]);
  });

  it('sends what is due, though something else that was held back before it is not', () => {
    const gate = new EventGate();
    for (let i = 0; i < 4; i++) gate.offer({ word: 'gap', event: {} }, 0);
    for (let i = 0; i < 5; i++) gate.offer({ word: 'format', event: {} }, 300);
    gate.offer({ word: 'gap', event: {} }, 350);
    assert.deepEqual(
      gate.due(500).map(({ word }) => word),
      ['gap'],
    );
    assert.equal(gate.dueInMs, 500);
    assert.deepEqual(
      gate.due(800).map(({ word }) => word),
      ['format'],
    );
  });

  it('remembers a bounded number of subjects', () => {
    const gate = new EventGate();
    for (let i = 0; i < 3000; i++) gate.offer({ word: 'gap', of: `run ${i}`, event: {} }, 0);
    assert.ok((gate as unknown as { paces: Map<string, unknown> }).paces.size <= 256);
  });

  it('sends the first few events of a word at once, then two a second, each with the number that it stands for', () => {
    const gate = new EventGate();
    let told = 0;
    let stoodFor = 0;
    let lost = 0;
    const count = (events: readonly { event: Readonly<Record<string, unknown>> }[]): void => {
      for (const { event } of events) {
        told++;
        stoodFor += typeof event.count === 'number' ? event.count : 1;
        lost += Number(event.lost);
      }
    };
    for (let i = 0; i < 40_000; i++) {
      const now = i / 4;
      count(gate.offer({ word: 'gap', event: { lost: 2, time: now } }, now));
      if (i % 2000 === 0) count(gate.due(now));
    }
    count(gate.all());
    assert.equal(stoodFor, 40_000);
    assert.equal(lost, 80_000);
    assert.ok(told <= 30, `${told} told`);
  });

  it('sends each event of the session’s course at once, after those that were held back', () => {
    const gate = new EventGate();
    for (let i = 0; i < 10; i++) gate.offer({ word: 'format', event: { width: i } }, 0);
    const told = gate.offer({ word: 'reconnecting', event: {} }, 1);
    assert.deepEqual(told, [
      { word: 'format', event: { width: 9, count: 6 } },
      { word: 'reconnecting', event: {} },
    ]);
    for (let i = 0; i < 10; i++)
      assert.equal(gate.offer({ word: 'finished', event: { clip: i } }, 2).length, 1);
    assert.equal(gate.dueInMs, undefined);
  });

  it('does not hold one code’s warning back for another’s', () => {
    const gate = new EventGate();
    for (let i = 0; i < 10; i++) gate.offer({ word: 'warning', event: { code: 'EOVERLOAD' } }, 0);
    assert.equal(gate.offer({ word: 'warning', event: { code: 'ENOKEYFRAME' } }, 0).length, 1);
  });

  it('sends what was held back after half a second, and later events as they come', () => {
    const gate = new EventGate();
    for (let i = 0; i < 5; i++) gate.offer({ word: 'gap', event: { lost: 1 } }, 0);
    assert.equal(gate.dueInMs, 500);
    assert.deepEqual(gate.due(500), [{ word: 'gap', event: { lost: 1 } }]);
    assert.equal(gate.dueInMs, undefined);
    assert.equal(gate.offer({ word: 'gap', event: { lost: 1 } }, 10_000).length, 1);
  });
});

describe('what all nodes send in one turn', () => {
  const end = (turn: TurnBudget, took: number): void => {
    turn.begin(0);
    turn.end(took);
  };

  it('is little at first, more while the flows take it well, and less where they take long for it', () => {
    const turn = new TurnBudget();
    assert.equal(turn.allowed, 64);
    for (let round = 0; round < 10; round++) {
      turn.spend(100);
      end(turn, 1);
    }
    assert.equal(turn.allowed, 1000);
    for (let i = 0; i < 1000; i++) {
      assert.equal(turn.isSpent, false);
      assert.equal(turn.spend(100), i === 0);
    }
    assert.equal(turn.isSpent, true);
    end(turn, 150);
    assert.equal(turn.isSpent, false);
    assert.equal(turn.allowed, 100);
  });

  it('lets a stream through where turns are long whatever is sent', () => {
    const turn = new TurnBudget();
    for (let round = 0; round < 20; round++) {
      turn.spend(100);
      turn.begin(0);
      turn.end(1000);
    }
    assert.ok(turn.allowed >= 64);
  });

  it('goes by the time from when the flows began with it', () => {
    const turn = new TurnBudget();
    turn.spend(1);
    turn.begin(100_000);
    turn.end(100_001);
    assert.equal(turn.allowed, 128);
  });

  it('goes by what was sent, not by what might have been', () => {
    const turn = new TurnBudget();
    for (let round = 0; round < 10; round++) end(turn, 1);
    for (let i = 0; i < 200; i++) turn.spend(1);
    end(turn, 30);
    assert.equal(turn.allowed, 100);
  });

  it('is counted anew in each turn, in messages and in bytes', () => {
    const turn = new TurnBudget();
    for (let round = 0; round < 3; round++) {
      assert.equal(turn.spend(16 * 1024 * 1024 - 1), true);
      assert.equal(turn.isSpent, false);
      assert.equal(turn.spend(1), false);
      assert.equal(turn.isSpent, true);
      end(turn, 1);
      assert.equal(turn.isSpent, false);
    }
  });

  it('counts bytes, too', () => {
    const turn = new TurnBudget();
    for (let i = 0; i < 2; i++) turn.spend(8 * 1024 * 1024);
    assert.equal(turn.isSpent, true);
  });
});

describe('the event loop’s delay', () => {
  it('is that of the last timer, or of the one now due, and costs nothing without users', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      let now = 1000;
      const delay = new LoopDelay(() => now);
      delay.acquire();
      delay.acquire();
      assert.equal(clock.countTimers(), 1);
      now = 1100;
      clock.tick(100);
      assert.equal(delay.delay(1150), 0);
      assert.equal(delay.delay(1900), 700);
      now = 1900;
      clock.tick(100);
      assert.equal(delay.delay(1901), 700);
      now = 2000;
      clock.tick(100);
      assert.equal(delay.delay(2001), 0);
      delay.release();
      assert.equal(clock.countTimers(), 1);
      delay.release();
      assert.equal(clock.countTimers(), 0);
    } finally {
      clock.restore();
    }
  });

  it('is measured anew for the next user, and keeps no process alive', () => {
    const started = sinon.spy(globalThis, 'setInterval');
    const clock = sinon.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    let now = 0;
    const delay = new LoopDelay(() => now);
    try {
      delay.acquire();
      now = 5000;
      clock.tick(100);
      assert.equal(delay.delay(5000), 4900);
      delay.release();
      now = 60_000;
      delay.acquire();
      assert.equal(delay.delay(60_000), 0);
      delay.release();
    } finally {
      clock.restore();
    }
    try {
      delay.acquire();
      assert.equal(started.lastCall.returnValue.hasRef(), false);
    } finally {
      delay.release();
      started.restore();
    }
  });
});

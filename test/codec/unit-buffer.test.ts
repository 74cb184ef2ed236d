import assert from 'node:assert/strict';
import fc from 'fast-check';
import { ReadWindow } from '../../lib/codec/read-window.js';
import { UnitBuffer } from '../../lib/codec/unit-buffer.js';

type Step =
  | { do: 'open' | 'drop' | 'byte' | 'finish' | 'clear' | 'take' | 'read' }
  | { do: 'append'; skip: number; size: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom<'open' | 'drop'>('open', 'drop') }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant<'append'>('append'),
      skip: fc.oneof(fc.nat(3), fc.nat(20)),
      size: fc.oneof(fc.nat(30), fc.nat(2000)),
    }),
  },
  fc.record({ do: fc.constantFrom('byte', 'finish', 'clear', 'take', 'read') }),
);

const READ_BYTES = 8192;

/** Does the steps on a buffer, and gives all that came out of it. */
function play(steps: readonly Step[], window: ReadWindow | undefined): string[] {
  const units = new UnitBuffer(window);
  const source = Buffer.alloc(READ_BYTES);
  const out: string[] = [];
  let reads = 0;
  let at = 0;
  const read = (): void => {
    for (let i = 0; i < READ_BYTES; i++) source[i] = (i * 7 + (i >> 8) + reads * 31) & 0xff;
    reads++;
    at = 0;
    window?.open(source, READ_BYTES, 0);
  };
  read();
  for (const one of steps) {
    if (one.do === 'append') {
      if (units.count === 0) units.open(1, false, 0);
      if (at + one.skip + one.size > READ_BYTES) read();
      at += one.skip;
      units.append(source, at, at + one.size);
      at += one.size;
    } else if (one.do === 'read') read();
    else if (one.do === 'open') units.open(1, false, 10);
    else if (one.do === 'clear') units.clear();
    else if (units.count === 0) continue;
    else if (one.do === 'drop') units.dropLast();
    else if (one.do === 'byte') units.appendByte(0xab);
    else if (one.do === 'take')
      out.push(...units.takeFrom(units.count - 1).map((nal) => nal.toString('hex')));
    else out.push(units.finish(false, undefined, 9).data.toString('hex'));
  }
  return out;
}

describe('UnitBuffer', () => {
  it('gives the same bytes whether or not it knows what the read at hand holds', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const all: Step[] = [...steps, { do: 'finish' }];
        assert.deepEqual(play(all, new ReadWindow()), play(all, undefined));
      }),
      { numRuns: 1500 },
    );
  });

  it('gives tiny units memory that they share, and large ones their own', () => {
    const units = new UnitBuffer();
    const unit = (size: number): Buffer => {
      units.open(1, false, 0);
      units.append(Buffer.alloc(size, size & 0xff), 0, size);
      return units.finish(false, undefined, 9).data;
    };
    const tiny = Array.from({ length: 50 }, () => unit(3));
    assert.ok(new Set(tiny.map(({ buffer }) => buffer)).size < 10);
    for (const data of tiny) assert.deepEqual([...data], [0, 0, 0, 1, 3, 3, 3]);
    const [one, other] = [unit(2000), unit(2000)];
    assert.notEqual(one.buffer, other.buffer);
  });

  it('keeps what it handed out as it was, though the next read overwrites the read buffer', () => {
    const window = new ReadWindow();
    const units = new UnitBuffer(window);
    const source = Buffer.alloc(100, 1);
    window.open(source, 100, 0);
    units.open(1, false, 0);
    units.append(source, 10, 60);
    const { data } = units.finish(false, undefined, 9);
    source.fill(2);
    window.open(source, 100, 1);
    units.open(1, false, 0);
    units.append(source, 10, 60);
    assert.deepEqual([...data], [0, 0, 0, 1, ...new Array<number>(50).fill(1)]);
    assert.deepEqual(
      [...units.finish(false, undefined, 9).data],
      [0, 0, 0, 1, ...new Array<number>(50).fill(2)],
    );
  });

  it('copies a read of thousands of tiny NAL units once or a little more, and not once for each', () => {
    const window = new ReadWindow();
    const units = new UnitBuffer(window);
    const source = Buffer.alloc(100_000, 1);
    let copied = 0;
    const copy = source.copy.bind(source);
    source.copy = (target, ...range) => {
      const bytes = copy(target, ...range);
      copied += bytes;
      return bytes;
    };
    window.open(source, source.length, 0);
    units.open(1, true, 0);
    units.append(source, 0, 60_000);
    for (let at = 60_000; at < source.length; at += 4) {
      units.open(6, true, 0);
      units.append(source, at, at + 2);
    }
    // Each copies 128 bytes ahead, and lies 4 behind the one before.
    assert.ok(copied < 16 * source.length, `${copied} bytes`);
  });
});

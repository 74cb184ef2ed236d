import assert from 'node:assert/strict';
import type { VideoUnit } from '../../lib/codec/unit.js';
import { deltaSlice, onePacketPicture } from '../kit/scripted-server.js';
import { PARAMETER_SETS, Wire } from '../kit/wire.js';

describe('disorder over TCP', () => {
  let wire: Wire;

  beforeEach(async () => {
    wire = new Wire();
    await wire.session.open();
    wire.read(PARAMETER_SETS);
  });

  afterEach(async () => {
    await wire.session.close();
  });

  const shown = (): number[] => wire.units.map(({ rtpTime }) => rtpTime / 3600);

  it('is put in order, whatever reads the packets come in', () => {
    for (const index of [0, 1, 3, 2, 4, 7]) wire.read(onePacketPicture(index));
    wire.read(Buffer.concat([8, 5, 6, 9].map(onePacketPicture)));
    assert.deepEqual(shown(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const units = wire.units as VideoUnit[];
    assert.ok(units.every(({ damaged, reference }) => !damaged && reference === undefined));
    units.slice(1).forEach(({ data, nals }, i) => {
      assert.ok(data.subarray(nals[0]!.start + 4).equals(deltaSlice(i + 1)));
    });
    assert.equal(wire.session.statistics.lost, 0);
  });

  it('ends the wait for a packet that the server dropped, though nothing follows', async () => {
    for (const index of [0, 1, 3]) wire.read(onePacketPicture(index));
    assert.deepEqual(shown(), [0, 1]);
    while (wire.units.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(shown(), [0, 1, 3]);
    assert.equal((wire.units[2] as VideoUnit).reference, 'lost');
    assert.equal(wire.session.statistics.lost, 1);
  });
});

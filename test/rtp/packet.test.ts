import assert from 'node:assert/strict';
import fc from 'fast-check';
import { RtpPacketView } from '../../lib/rtp/packet.js';
import { extensionBlock, onvifReplay, rtp } from './build.js';

function payloadOf(view: RtpPacketView): Buffer {
  return view.buffer.subarray(view.payloadStart, view.payloadEnd);
}

describe('RtpPacketView', () => {
  const view = new RtpPacketView();
  const parse = (packet: Buffer): boolean => view.parse(packet, 0, packet.length);

  it('reads every field of a packet that lies in the middle of a buffer', () => {
    const packet = rtp({
      sequence: 0xfffe,
      timestamp: 0xfedcba98,
      ssrc: 0x89abcdef,
      marker: true,
      payloadType: 99,
      payload: Buffer.from('abc'),
    });
    const buffer = Buffer.concat([Buffer.from([1, 2, 3]), packet, Buffer.from([4, 5])]);
    assert.equal(view.parse(buffer, 3, 3 + packet.length), true);
    assert.equal(view.sequence, 0xfffe);
    assert.equal(view.timestamp, 0xfedcba98);
    assert.equal(view.ssrc, 0x89abcdef);
    assert.equal(view.marker, true);
    assert.equal(view.payloadType, 99);
    assert.equal(payloadOf(view).toString(), 'abc');
    assert.ok(Number.isNaN(view.onvifTime));
    assert.equal(view.extensionProfile, -1);
  });

  it('takes a packet without payload', () => {
    assert.equal(parse(rtp()), true);
    assert.equal(payloadOf(view).length, 0);
  });

  it('refuses versions other than 2', () => {
    for (const version of [0, 1, 3]) {
      const packet = rtp({ payload: Buffer.from('x') });
      packet[0] = (packet[0]! & 0x3f) | (version << 6);
      assert.equal(parse(packet), false);
    }
  });

  it('refuses an end beyond the buffer', () => {
    const packet = rtp({ payload: Buffer.from('x') });
    assert.equal(view.parse(packet, 0, packet.length + 1), false);
  });

  it('quirk odd-rtp: refuses padding longer than the packet, and reads shorter padding away', () => {
    assert.equal(parse(rtp({ payload: Buffer.from('media'), padding: 4 })), true);
    assert.equal(payloadOf(view).toString(), 'media');
    assert.equal(parse(rtp({ padding: 255, payload: Buffer.from('media') })), true);
    assert.equal(payloadOf(view).toString(), 'media');
    const lying = rtp({ payload: Buffer.from('media'), padding: 1 });
    lying[lying.length - 1] = 200;
    assert.equal(parse(lying), false);
    assert.equal(parse(rtp({ payload: Buffer.from('media'), padding: 0 })), true, 'the bit without padding');
  });

  it('quirk odd-rtp: skips 15 CSRCs', () => {
    assert.equal(parse(rtp({ csrcs: 15, payload: Buffer.from('media') })), true);
    assert.equal(payloadOf(view).toString(), 'media');
    const cut = rtp({ csrcs: 15 });
    assert.equal(view.parse(cut, 0, 40), false);
  });

  it('quirk odd-rtp: skips a header extension it does not know, an empty one too', () => {
    for (const data of [Buffer.alloc(0), Buffer.alloc(8, 0xee)]) {
      assert.equal(parse(rtp({ extension: { profile: 0xbede, data }, payload: Buffer.from('media') })), true);
      assert.equal(payloadOf(view).toString(), 'media');
      assert.equal(view.extensionProfile, 0xbede);
      assert.equal(view.extensionEnd - view.extensionStart, data.length);
      assert.ok(Number.isNaN(view.onvifTime));
    }
  });

  it('quirk odd-rtp: refuses a header extension that is longer than the packet', () => {
    const packet = rtp({ extension: { profile: 0xbede, data: Buffer.alloc(8) } });
    packet.writeUInt16BE(3, 14);
    assert.equal(parse(packet), false);
    assert.equal(view.parse(packet, 0, 14), false);
  });

  it('quirk odd-rtp: takes the NTP time of the ONVIF extension 0xABAC as epoch milliseconds', () => {
    const time = Date.UTC(2026, 10, 5, 12, 30, 15, 250);
    const packet = rtp({
      extension: { profile: 0xabac, data: onvifReplay(time) },
      payload: Buffer.from('media'),
    });
    assert.equal(parse(packet), true);
    assert.equal(view.onvifTime, time);
    assert.equal(payloadOf(view).toString(), 'media');
    assert.equal(parse(rtp({ payload: Buffer.from('next') })), true);
    assert.ok(Number.isNaN(view.onvifTime), 'it does not stick to the next packet');
  });

  it('does not believe an ONVIF time that cannot be true, and reads past one that is cut short', () => {
    assert.equal(parse(rtp({ extension: { profile: 0xabac, data: Buffer.alloc(12) } })), true);
    assert.ok(Number.isNaN(view.onvifTime));
    assert.equal(parse(rtp({ extension: { profile: 0xabac, data: Buffer.alloc(4, 0xff) } })), true);
    assert.ok(Number.isNaN(view.onvifTime));
  });

  it('shows the JPEG extension that follows ONVIF time in the same block', () => {
    const time = Date.UTC(2026, 0, 1);
    const inner = Buffer.from([0xff, 0xc4, 0xff, 0xff]);
    const data = Buffer.concat([onvifReplay(time), extensionBlock(0xffd8, inner)]);
    assert.equal(parse(rtp({ extension: { profile: 0xabac, data }, payload: Buffer.from('media') })), true);
    assert.equal(view.onvifTime, time);
    assert.equal(view.extensionProfile, 0xffd8);
    assert.deepEqual(view.buffer.subarray(view.extensionStart, view.extensionEnd), inner);
    assert.equal(payloadOf(view).toString(), 'media');
  });

  it('reads any bytes without an error, and never points outside the packet', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(10), (bytes, first) => {
        const buffer = Buffer.from(bytes);
        if (buffer.length > 0) buffer[0] = 0x80 | (buffer[0]! & 0x3f);
        const start = Math.min(first, buffer.length);
        if (!view.parse(buffer, 0, buffer.length)) return;
        assert.ok(
          view.payloadStart >= 12 && view.payloadStart <= view.payloadEnd && view.payloadEnd <= buffer.length,
        );
        view.parse(buffer, start, buffer.length);
      }),
      { numRuns: 500 },
    );
  });
});

import assert from 'node:assert/strict';
import { Track } from '../../lib/client/track.js';
import { ChannelTable } from '../../lib/client/transport/channels.js';
import { buildBye } from '../../lib/rtp/rtcp.js';
import { rtp } from '../kit/scripted-server.js';

const nothing = (): undefined => undefined;

/** A track, and what came to it. */
class Ours {
  byes = 0;
  private sequence = 0;
  readonly track: Track;

  constructor(
    readonly ssrc: number,
    readonly payloadType: number,
  ) {
    this.track = new Track({
      payloadType,
      ...{ clockRate: 90_000, unordered: false, ssrc: 1, cname: 'c' },
      createDepacketizer: () => ({ push: nothing, gap: nothing, flush: nothing, reset: nothing }),
      onUnit: nothing,
      onLoss: nothing,
      onBye: () => this.byes++,
    });
  }

  packet(marker = false): Buffer {
    const { ssrc, payloadType } = this;
    return rtp(this.sequence++, 0, marker, Buffer.alloc(4), { ssrc, payloadType });
  }

  get came(): { packets: number; ignored: number; byes: number } {
    return { packets: this.track.received, ignored: this.track.ignored, byes: this.byes };
  }
}

describe('the channels of a connection', () => {
  let table: ChannelTable;
  let video: Ours;
  let sound: Ours;

  beforeEach(() => {
    table = new ChannelTable();
    video = new Ours(0x1234, 99);
    sound = new Ours(0x77, 0);
  });

  function take(channel: number, ...packets: Buffer[]): void {
    for (const packet of packets) table.take(channel, packet, 0, packet.length, 0);
  }

  it('are asked for in pairs, the lowest of which both are free', () => {
    assert.deepEqual(table.freePair(), [0, 1]);
    table.add([0, 1], video.track);
    assert.deepEqual(table.freePair(), [2, 3]);
    table.add([3, 4], sound.track);
    assert.deepEqual(table.freePair(), [6, 7]);
    table.remove([0, 1], video.track);
    assert.deepEqual(table.freePair(), [0, 1]);
  });

  it('are 254 and 255 at most, whatever is in use', () => {
    for (let number = 0; number < 256; number += 2) table.add([number, number + 1], video.track);
    assert.deepEqual(table.freePair(), [254, 255]);
  });

  it('give a packet that both of two tracks announce to the first', () => {
    const other = new Ours(0x1234, 99);
    for (const { track } of [video, other]) table.add([0, 1], track);
    take(0, video.packet(), video.packet());
    assert.deepEqual({ first: video.came.packets, second: other.came.packets }, { first: 2, second: 0 });
  });

  it('belong to another where that one’s packets come on the first of them', () => {
    table.add([0, 1], video.track);
    table.add([2, 1], sound.track);
    assert.deepEqual(
      {
        videosToSound: table.belongsToAnother([0, 1], sound.track),
        videosToVideo: table.belongsToAnother([0, 1], video.track),
        reports: table.belongsToAnother([1, 0], sound.track),
        free: table.belongsToAnother([8, 9], sound.track),
      },
      { videosToSound: true, videosToVideo: false, reports: false, free: false },
    );
  });

  it('belong to nobody else once the other one is removed', () => {
    table.add([0, 1], video.track);
    table.add([0, 1], sound.track);
    table.remove([0, 1], video.track);
    assert.equal(table.belongsToAnother([0, 1], sound.track), false);
  });

  it('are free again once their track is removed, however often it was added, and no other’s are', () => {
    table.add([0, 1], video.track);
    table.add([0, 1], video.track);
    table.add([2, 3], sound.track);
    table.remove([2, 3], video.track);
    table.remove([0, 1], video.track);
    assert.deepEqual(
      [0, 1, 2, 3].filter((channel) => table.isInUse(channel)),
      [2, 3],
    );
    take(2, sound.packet(), sound.packet());
    assert.equal(sound.came.packets, 2);
  });

  it('are removed each, though the other is not in use any more', () => {
    table.add([5, 6], video.track);
    table.remove([4, 5], video.track);
    assert.equal(table.isInUse(5), false);
    assert.equal(table.isInUse(6), true);
  });

  it('are used on by a track whose reports alone came on one of another’s', () => {
    table.add([0, 1], video.track);
    table.add([2, 1], sound.track);
    table.remove([0, 1], video.track);
    assert.equal(table.isInUse(1), true);
    take(1, buildBye(0x77));
    assert.equal(sound.byes, 1);
  });

  it('drop what comes on none that was set up', () => {
    table.add([0, 1], video.track);
    take(6, video.packet(), video.packet());
    assert.deepEqual(video.came, { packets: 0, ignored: 0, byes: 0 });
  });

  describe('tell reports from media', () => {
    const typed = (type: number): Buffer => {
      const packet = Buffer.alloc(12);
      packet[0] = 0x80;
      packet[1] = type;
      packet.writeUInt16BE(2, 2);
      return packet;
    };

    for (const [channel, what, reports] of [
      [0, 'media', [200, 204]],
      [1, 'reports', [192, 223]],
    ] as const)
      it(`on the channel of a track’s ${what} by the packet types ${reports.join(' to ')}`, () => {
        table.add([0, 1], video.track);
        const taken = Array.from({ length: 64 }, (_, i) => 180 + i).filter((type) => {
          const before = video.came.ignored;
          take(channel, typed(type));
          return video.came.ignored === before;
        });
        assert.deepEqual(
          { first: taken[0], last: taken.at(-1), count: taken.length },
          {
            first: reports[0],
            last: reports[1],
            count: reports[1] - reports[0] + 1,
          },
        );
      });

    it('and take media on the channel of reports', () => {
      table.add([0, 1], video.track);
      take(1, video.packet(), video.packet());
      assert.equal(video.came.packets, 2);
    });
  });

  describe('that two tracks share', () => {
    beforeEach(() => {
      table.add([0, 1], video.track);
      table.add([0, 1], sound.track);
    });

    it('give each track its payload type, with the marker bit or without', () => {
      take(0, ...[false, true].flatMap((marker) => [video.packet(marker), sound.packet(marker)]));
      assert.deepEqual(
        { video: video.came, sound: sound.came },
        { video: { packets: 2, ignored: 0, byes: 0 }, sound: { packets: 2, ignored: 0, byes: 0 } },
      );
    });

    it('count what no track announces as ignored by the first', () => {
      take(0, rtp(1, 0, false, Buffer.alloc(4), { payloadType: 50 }));
      assert.deepEqual({ video: video.came.ignored, sound: sound.came.ignored }, { video: 1, sound: 0 });
    });

    it('give reports to those alone whose source is known', () => {
      take(0, video.packet(), video.packet());
      take(1, buildBye(0x77));
      assert.equal(sound.byes, 0, 'its source is not known yet');
      take(0, sound.packet(), sound.packet());
      take(1, buildBye(0x77));
      assert.deepEqual({ video: video.byes, sound: sound.byes }, { video: 0, sound: 1 });
    });
  });

  it('give a track that has one to itself its reports before its source is known', () => {
    table.add([0, 1], video.track);
    take(1, buildBye(0x1234));
    assert.equal(video.byes, 1);
  });
});

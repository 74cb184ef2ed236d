// A clip of fragments to one whose index stands in front of the media: for players and web pages that know no fragments.

import type { FileHandle } from 'node:fs/promises';
import { mediabunny, type EncodedPacket } from '../../media/mediabunny.js';
import { VIDEO_RATE } from '../../media/mp4/header.js';

interface Lane {
  next: EncodedPacket | null;
  /** Writes `next` and fetches the one behind it. */
  step(): Promise<void>;
}

/** What can be read of a file that is open. */
export function sourceOf(handle: FileHandle): InstanceType<ReturnType<typeof mediabunny>['CustomSource']> {
  const { CustomSource } = mediabunny();
  return new CustomSource({
    getSize: async () => (await handle.stat()).size,
    read: async (start, end) => {
      const bytes = Buffer.alloc(end - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      return bytes.subarray(0, bytesRead);
    },
  });
}

/** Copies pictures and sound of `source` to `target`, which is empty, bit by bit and time for time. Rejects with what the file system says, or where `source` cannot be read. */
export async function makePlain(source: FileHandle, target: FileHandle, isMov: boolean): Promise<void> {
  const { ALL_FORMATS, Input, Output, StreamTarget, Mp4OutputFormat, MovOutputFormat } = mediabunny();
  const { EncodedPacketSink, EncodedVideoPacketSource, EncodedAudioPacketSource } = mediabunny();
  const input = new Input({ source: sourceOf(source), formats: ALL_FORMATS });
  const options = { fastStart: 'reserve' } as const;
  const stream = new WritableStream<{ data: Uint8Array; position: number }>({
    write: async ({ data, position }) => {
      for (let at = 0; at < data.length;)
        at += (await target.write(data, at, data.length - at, position + at)).bytesWritten;
    },
  });
  const output = new Output({
    format: isMov ? new MovOutputFormat(options) : new Mp4OutputFormat(options),
    target: new StreamTarget(stream),
  });
  const lanes: Lane[] = [];
  try {
    const video = await input.getPrimaryVideoTrack();
    const audio = await input.getPrimaryAudioTrack();
    const videoCodec = await video?.getCodec();
    const audioCodec = await audio?.getCodec();
    if (video !== null && videoCodec) {
      const writer = new EncodedVideoPacketSource(videoCodec);
      const { packetCount } = await video.computePacketStats();
      output.addVideoTrack(writer, { frameRate: VIDEO_RATE, maximumPacketCount: packetCount });
      const decoderConfig = (await video.getDecoderConfig()) ?? undefined;
      lanes.push(
        laneOf(new EncodedPacketSink(video), (packet) =>
          writer.add(packet, decoderConfig && { decoderConfig }),
        ),
      );
    }
    if (audio !== null && audioCodec) {
      const writer = new EncodedAudioPacketSource(audioCodec);
      const { packetCount } = await audio.computePacketStats();
      output.addAudioTrack(writer, { maximumPacketCount: packetCount });
      const decoderConfig = (await audio.getDecoderConfig()) ?? undefined;
      lanes.push(
        laneOf(new EncodedPacketSink(audio), (packet) =>
          writer.add(packet, decoderConfig && { decoderConfig }),
        ),
      );
    }
    await output.start();
    for (const lane of lanes) await lane.step();
    for (;;) {
      const waiting = lanes.filter(({ next }) => next !== null);
      if (waiting.length === 0) break;
      await waiting.reduce((a, b) => (b.next!.timestamp < a.next!.timestamp ? b : a)).step();
    }
    await output.finalize();
  } catch (error) {
    if (output.state !== 'finalized') await output.cancel().catch(() => undefined);
    throw error;
  } finally {
    input.dispose();
  }
}

function laneOf(
  sink: InstanceType<ReturnType<typeof mediabunny>['EncodedPacketSink']>,
  write: (packet: EncodedPacket) => Promise<void>,
): Lane {
  let begun = false;
  const lane: Lane = {
    next: null,
    async step() {
      const { next } = lane;
      if (next !== null) await write(next);
      lane.next =
        next === null ? (begun ? null : await sink.getFirstPacket()) : await sink.getNextPacket(next);
      begun = true;
    },
  };
  return lane;
}

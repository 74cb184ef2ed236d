// Packs NAL units into RTP payloads: single NAL units, aggregates and fragments (RFC 6184 5.6 to 5.8, RFC
// 7798 4.4).

/** Largest payload in bytes. */
const MTU = 1400;
const STAP_A = 24;
const FU_A = 28;
const AP = 48;
const FU = 49;

export function h264Payloads(nals: readonly Buffer[], aggregate: boolean): Buffer[] {
  return groups(nals, 1, aggregate).flatMap((group) => {
    const nal = group[0]!;
    const header = nal[0]!;
    if (group.length > 1) {
      const importance = Math.max(...group.map((member) => member[0]! & 0x60));
      return [joined(Buffer.of(importance | STAP_A), group)];
    }
    if (nal.length <= MTU) return [nal];
    return fragments(nal, 1, Buffer.of((header & 0xe0) | FU_A), header & 0x1f);
  });
}

export function h265Payloads(nals: readonly Buffer[], aggregate: boolean): Buffer[] {
  return groups(nals, 2, aggregate).flatMap((group) => {
    const nal = group[0]!;
    if (group.length > 1) return [joined(Buffer.of(AP << 1, nal[1]!), group)];
    if (nal.length <= MTU) return [nal];
    return fragments(nal, 2, Buffer.of((nal[0]! & 0x81) | (FU << 1), nal[1]!), (nal[0]! >> 1) & 0x3f);
  });
}

/** Groups of adjacent NAL units that fit in one payload; without `aggregate`, each is its own group. */
function groups(nals: readonly Buffer[], headerBytes: number, aggregate: boolean): Buffer[][] {
  const all: Buffer[][] = [];
  let room = 0;
  for (const nal of nals) {
    const size = 2 + nal.length;
    if (aggregate && size <= room) all.at(-1)!.push(nal);
    else {
      all.push([nal]);
      room = MTU - headerBytes;
    }
    room -= size;
  }
  return all;
}

function joined(header: Buffer, group: readonly Buffer[]): Buffer {
  return Buffer.concat([
    header,
    ...group.flatMap((nal) => [Buffer.of(nal.length >> 8, nal.length & 0xff), nal]),
  ]);
}

function fragments(nal: Buffer, headerBytes: number, header: Buffer, type: number): Buffer[] {
  const payloads: Buffer[] = [];
  const room = MTU - header.length - 1;
  for (let at = headerBytes; at < nal.length; at += room) {
    const end = Math.min(nal.length, at + room);
    const flags = (at === headerBytes ? 0x80 : 0) | (end === nal.length ? 0x40 : 0);
    payloads.push(Buffer.concat([header, Buffer.of(flags | type), nal.subarray(at, end)]));
  }
  return payloads;
}

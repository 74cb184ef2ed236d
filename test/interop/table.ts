// The mocha reporter behind `npm run test:interop`: mocha's usual lines, then the matrix as a table.

import Mocha from 'mocha';
import { cellOf, type Auth } from './cells.js';

/** Why a cell is empty, or a row is missing. */
const NOTES = [
  'GStreamer’s server knows Digest with MD5 and without qop alone, and keeps the port of a multicast group from clients on its own machine: the simulator stands in for both. What the one has proved, the other need not.',
  'A tunnel in HTTP carries the bytes of TCP, whatever they mean: two codecs speak for all.',
  'STAP-B, MTAP, the interleaved mode and AAL2’s order of G.726 are sent by no server here: packetizers after the RFCs prove them (test/codec).',
];
const COLUMNS: readonly Auth[] = ['none', 'Basic', 'Digest', 'Digest with qop', 'Digest SHA-256'];

class TableReporter extends Mocha.reporters.Spec {
  private readonly rows = new Map<string, Map<Auth, string>>();

  constructor(runner: Mocha.Runner, options?: Mocha.MochaOptions) {
    super(runner, options);
    runner.on('pass', (test) => {
      this.note(test, 'same bytes');
    });
    runner.on('fail', (test) => {
      this.note(test, 'FAILED');
    });
    runner.on('pending', (test) => {
      this.note(test, 'skipped');
    });
    runner.on('end', () => {
      this.print();
    });
  }

  private note(test: Mocha.Test, result: string): void {
    const cell = cellOf(test);
    if (cell === undefined) return;
    const key = [cell.server, cell.codec, cell.transport].join(' | ');
    const row = this.rows.get(key) ?? new Map<Auth, string>();
    row.set(cell.auth, result);
    this.rows.set(key, row);
  }

  private print(): void {
    const lines = [
      ['server', 'codec', 'transport', ...COLUMNS],
      ...[...this.rows].map(([key, row]) => [
        ...key.split(' | '),
        ...COLUMNS.map((auth) => row.get(auth) ?? '-'),
      ]),
    ];
    const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
    const text = lines.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`);
    text.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
    console.log([...text, '', ...NOTES.map((note) => `- ${note}`)].join('\n'));
  }
}

export = TableReporter;

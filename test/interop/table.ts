// The mocha reporter behind `npm run test:interop`: mocha's usual lines, then the matrix as a table.

import Mocha from 'mocha';
import { cellOf, type Auth } from './cells.js';

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
        ...COLUMNS.map((auth) => row.get(auth) ?? ''),
      ]),
    ];
    const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
    const text = lines.map((line) => `| ${line.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`);
    text.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
    console.log(text.join('\n'));
  }
}

export = TableReporter;

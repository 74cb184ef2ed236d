// Part of `npm run lint`: what lib/index.ts offers is what lib/api.md says, and names no type that cannot be
// imported. With --write the report is made anew.

import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor';

const ROOT = path.join(__dirname, '..', '..');
const CACHE = path.join(ROOT, 'dist', '.api');
const REPORT = path.join(ROOT, 'lib', 'api.md');

/** What is wrong with the public surface; empty: nothing. */
export function publicSurface(write: boolean): string[] {
  const compiler = createRequire(__filename).resolve('typescript/bin/tsc');
  const options = ['--emitDeclarationOnly', '--stripInternal', '--incremental', '--outDir', CACHE];
  execFileSync(process.execPath, [compiler, '-p', ROOT, ...options], { stdio: 'inherit' });

  const wrong: string[] = [];
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: path.join(ROOT, 'package.json'),
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: path.join(CACHE, 'lib', 'index.d.ts'),
      compiler: { tsconfigFilePath: path.join(ROOT, 'tsconfig.json') },
      apiReport: {
        enabled: true,
        reportFileName: 'lib',
        reportFolder: CACHE,
        reportTempFolder: path.join(CACHE, 'made'),
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.Error },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      if (message.logLevel === ExtractorLogLevel.Error) wrong.push(message.text);
      message.handled = true;
    },
  });
  const report = fs.readFileSync(path.join(CACHE, 'made', 'lib.api.md'), 'utf8').replaceAll('\r\n', '\n');
  if (write) fs.writeFileSync(REPORT, report);
  else if (!fs.existsSync(REPORT) || fs.readFileSync(REPORT, 'utf8') !== report)
    wrong.push(
      'lib/api.md is not what lib/index.ts offers: run "npm run api", and look at what has changed.',
    );
  return wrong;
}

if (require.main === module) {
  const wrong = publicSurface(process.argv.includes('--write'));
  for (const line of wrong) console.error(line);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}

// `npm run lint`: types and rules of everything that is TypeScript or JavaScript. Both look at one program of
// the compiler's, so that each type is worked out once.

import { ESLint } from 'eslint';
import ts from 'typescript';

const CONFIG = 'tsconfig.test.json';

function programOf(): ts.Program {
  const host: ts.ParseConfigFileHost = {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic: (diagnostic) => {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'));
    },
  };
  const config = ts.getParsedCommandLineOfConfigFile(CONFIG, { noEmit: true }, host)!;
  return ts.createProgram({ rootNames: config.fileNames, options: config.options });
}

/** Whether all types are right; tells those that are not. */
function checkTypes(program: ts.Program): boolean {
  const found = ts.getPreEmitDiagnostics(program);
  const host: ts.FormatDiagnosticsHost = {
    getCanonicalFileName: (name) => name,
    getCurrentDirectory: () => ts.sys.getCurrentDirectory(),
    getNewLine: () => '\n',
  };
  process.stdout.write(ts.formatDiagnostics(found, host));
  return found.length === 0;
}

/** Whether all rules hold; tells those that do not. */
async function checkRules(program: ts.Program): Promise<boolean> {
  const eslint = new ESLint({
    overrideConfig: {
      files: ['**/*.ts'],
      languageOptions: { parserOptions: { programs: [program], project: null } },
    },
  });
  const results = await eslint.lintFiles(['.']);
  process.stdout.write(await (await eslint.loadFormatter('stylish')).format(results));
  return results.every(({ errorCount, warningCount }) => errorCount + warningCount === 0);
}

async function main(): Promise<void> {
  const program = programOf();
  const areTypesRight = checkTypes(program);
  const doRulesHold = await checkRules(program);
  if (!areTypesRight || !doRulesHold) process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

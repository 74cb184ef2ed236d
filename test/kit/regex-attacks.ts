// Generates texts that force a backtracking regular expression engine to work hard: what leads to a
// repetition, and what it repeats, many times.

import { parseRegExpLiteral, visitRegExpAST, type AST } from '@eslint-community/regexpp';

const CHARS = 40_000;
const CANDIDATES = 'a0A <"=:/-_.;,&@%\\[({)]}>$#!+*?|~^`\t\n\r\0é'.match(/[^]/g)!;

/**
 * For each unbounded repetition in a pattern: texts of 40,000 characters. `literal` in source form,
 * `/…/flags`.
 */
export function attacksOn(literal: string): string[] {
  const ast = parseRegExpLiteral(literal);
  const attacks = new Set<string>();
  visitRegExpAST(ast, {
    onQuantifierEnter: (quantifier) => {
      if (quantifier.max !== Infinity) return;
      const before = leadingUpTo(quantifier);
      const repeated = sample(quantifier.element);
      for (const piece of [before, repeated, before + repeated])
        if (piece !== '') attacks.add(`${piece.repeat(Math.ceil(CHARS / piece.length))}\u0001`);
      if (repeated !== '')
        attacks.add(`${before}${repeated.repeat(Math.ceil(CHARS / repeated.length))}\u0001`);
    },
  });
  return [...attacks];
}

/** A text that leads the engine to this node. */
function leadingUpTo(node: AST.Node): string {
  const { parent } = node;
  if (parent === null) return '';
  const before = leadingUpTo(parent);
  if (parent.type !== 'Alternative') return before;
  const own = parent.elements.slice(0, parent.elements.indexOf(node as AST.Element)).map(sample);
  return before + own.join('');
}

/** The shortest text, or nearly so, that a node matches. */
function sample(node: AST.Element): string {
  switch (node.type) {
    case 'Character':
      return String.fromCodePoint(node.value);
    case 'CharacterSet':
    case 'CharacterClass':
    case 'ExpressionCharacterClass': {
      const one = new RegExp(`^${node.raw}$`, 'su');
      return CANDIDATES.find((candidate) => matches(one, candidate)) ?? '';
    }
    case 'Group':
    case 'CapturingGroup':
      return node.alternatives[0]!.elements.map(sample).join('');
    case 'Quantifier':
      return sample(node.element).repeat(Math.max(node.min, 1));
    case 'Assertion':
    case 'Backreference':
      return '';
  }
}

function matches(pattern: RegExp, text: string): boolean {
  return pattern.test(text);
}

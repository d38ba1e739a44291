import { validator } from './validator.ts';

/** A validator for the choice of a bridge or memory without which a node can do nothing. */
export const chosen = validator((id, node) => {
  const config = RED.nodes.node(id as string) as { valid?: boolean } | null;
  if (!config) return node._('invalid.not-chosen');
  return config.valid !== false || node._('invalid.not-set-up');
});

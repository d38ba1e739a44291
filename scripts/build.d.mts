/** Builds `dist/` and `examples/`; false when there was nothing to do. Rejects with what the compiler said. */
export function build(log?: (line: string) => void): Promise<boolean>;

/** Bounds of the configuration phase. Units are the last word of each name. */

/** A JSON, YAML or `.env` file beyond this is listed and left as it is. */
export const SETTINGS_BYTES_MAX = 8 * 1024 ** 2;
/** An agent, command or skill: only its head is carried, the whole file is read. */
export const DOCUMENT_BYTES_MAX = 1024 ** 2;
/** Objects and arrays inside each other. */
export const NESTING_DEPTH_MAX = 64;
/** The same in a file of v2, where a file of v1 stands some levels down. */
export const CONFIG_DEPTH_MAX = NESTING_DEPTH_MAX + 8;
/** Agents, commands, skills and scripts that are carried. */
export const DOCUMENTS_MAX = 20_000;
/** Bytes of a file of `.agentic-flow/config` that are read or written. */
export const CONFIG_BYTES_MAX = 64 * 1024 ** 2;
/** Characters of a description of an agent; the file has the rest. */
export const DESCRIPTION_CHARACTERS_MAX = 4_096;
/** Capabilities or tools that one agent may declare. */
export const DECLARED_MAX = 256;
/** Lines of a plan: notes, and files that are left. */
export const NOTES_MAX = 2_000;
/** Characters of one note. */
export const NOTE_CHARACTERS_MAX = 1_000;
/** Lines that a diff shows around a change, and lines of one diff. */
export const DIFF_CONTEXT_LINES = 3;
export const DIFF_LINES_MAX = 400;
/** Cells of the table that finds the common lines; beyond it the middle is shown as replaced. */
export const DIFF_CELLS_MAX = 4_000_000;
/** A known secret shorter than this is masked where it stands, not wherever its letters occur. */
export const LITERAL_CHARACTERS_MIN = 8;
/** YAML aliases that may be followed: a few lines can otherwise stand for gigabytes. */
export const YAML_ALIASES_MAX = 100;

import {
  destroy,
  preview,
  refresh,
  type Resources,
  type Scenario,
  shell,
  up,
  type Command,
} from "./scenario.ts";

const one = (command: Command): Resources => ({ commands: { c: command } });
const log = (text: string) => `echo ${text} >> $WORK/log`;
const showLog = shell("cat $WORK/log");
const countLog = shell("wc -l < $WORK/log");

const touching = one({ create: "touch $WORK/ran; echo hi" });
const echoing = one({ create: "echo one" });

/** The value of A differs, and what else is given stays. */
const withA = (value: string, command: Command) => one({ ...command, environment: { A: value } });

const logged = (trigger: string) =>
  one({
    create: log("create"),
    update: log("update"),
    delete: log("delete"),
    triggers: [trigger],
  });

const chain = (text: string): Resources => ({
  commands: { a: { create: `echo ${text}` }, b: { create: "cat", stdinFrom: "a" } },
});

const remaking = { create: "echo x >> $WORK/log; echo $A" };
const updating = { create: "echo made", update: "echo was $PULUMI_COMMAND_STDOUT" };
const forgetting = {
  create: "echo made",
  update: "echo was [$PULUMI_COMMAND_STDOUT]",
  addPreviousOutputInEnv: false,
};

export const commandScenarios: readonly Scenario[] = [
  {
    name: "command: preview runs nothing",
    steps: [
      preview(touching),
      shell("ls $WORK/ran 2>/dev/null"),
      up(touching),
      shell("ls $WORK/ran"),
    ],
  },
  {
    name: "command: unchanged is the same",
    steps: [up(echoing), preview(echoing), up(echoing)],
  },
  {
    name: "command: stdin and environment",
    steps: [up(withA("b", { create: "cat; echo $A; echo err >&2", stdin: "in\n" }))],
  },
  {
    name: "command: changed environment without update runs create again",
    steps: [
      up(withA("1", remaking)),
      preview(withA("2", remaking)),
      up(withA("2", remaking)),
      countLog,
    ],
  },
  {
    name: "command: changed environment with update runs update with the previous output",
    steps: [up(withA("1", updating)), up(withA("2", updating))],
  },
  {
    name: "command: previous output can be switched off",
    steps: [up(withA("1", forgetting)), up(withA("2", forgetting))],
  },
  {
    name: "command: triggers replace, new before old",
    steps: [up(logged("1")), preview(logged("2")), up(logged("2")), showLog],
  },
  {
    name: "command: changing only delete is an update",
    steps: [
      up(one({ create: log("x"), delete: "true" })),
      up(one({ create: log("x"), delete: "echo other" })),
      countLog,
    ],
  },
  {
    name: "command: delete uses the old environment",
    steps: [up(withA("old", { create: "true", delete: log("$A") })), destroy, showLog],
  },
  {
    name: "command: removed from the program is deleted",
    steps: [up(one({ create: "true", delete: log("gone") })), up({}), showLog],
  },
  {
    name: "command: failure on create",
    steps: [
      up(
        one({ create: "echo out; echo bad >&2; exit 3" }),
        /exit status 3: running "echo out; echo bad >&2; exit 3":\n(out\nbad|bad\nout)/,
      ),
      up(one({ create: "echo fine" })),
    ],
  },
  {
    name: "command: failure on update keeps the old state",
    steps: [
      up(echoing),
      up(one({ create: "exit 4" }), /exit status 4: running "exit 4"/),
      preview(echoing),
    ],
  },
  {
    name: "command: directory and interpreter",
    steps: [
      up(one({ create: "pwd; echo ${0##*/}", dir: "$WORK", interpreter: ["/bin/bash", "-c"] })),
    ],
  },
  {
    name: "command: asset paths",
    steps: [
      up(
        one({
          create: "printf a > $WORK/a.txt; printf b > $WORK/b.txt",
          dir: "$WORK",
          assetPaths: ["*.txt", "!b.txt"],
        }),
      ),
    ],
  },
  {
    name: "command: output of one feeds another, unknown in preview",
    steps: [
      preview(chain("first")),
      up(chain("first")),
      preview(chain("second")),
      up(chain("second")),
    ],
  },
  {
    name: "command: refresh changes nothing",
    steps: [up(echoing), refresh(echoing), preview(echoing)],
  },
  { name: "command: no output is an empty string", steps: [up(one({ create: "true" }))] },
  { name: "command: trailing newlines", steps: [up(one({ create: "printf 'a\\n\\n'" }))] },
];

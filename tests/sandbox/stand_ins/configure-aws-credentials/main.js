// act runs no post step of an action that is not JavaScript; what is done is in sign_in.py.
const { spawnSync } = require("node:child_process");
const { join } = require("node:path");

const done = spawnSync("python", [join(__dirname, "sign_in.py")], { stdio: "inherit" });
process.exit(done.status ?? 1);

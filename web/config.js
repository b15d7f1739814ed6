// What the deployment says about itself: config.json, written beside these files.
import { Failure } from "./failure.js";

/**
 * The checked configuration; relative addresses are resolved against the page.
 * Throws a Failure of kind "unconfigured" that says what is wrong with it.
 */
export async function load(base = document.baseURI) {
  const found = await read(new URL("config.json", base));
  const problems = [];
  const config = {
    api: address(found, "api", base, problems),
    authority: address(found, "authority", base, problems),
    clientId: text(found, "client_id", problems),
    deployment: text(found, "deployment", problems),
    regions: Array.isArray(found.regions) ? found.regions.map(String) : [],
  };
  if (problems.length) throw new Failure("unconfigured", { detail: `config.json: ${problems.join("; ")}.` });
  return config;
}

async function read(url) {
  let answer;
  try {
    answer = await fetch(url, { cache: "no-cache", credentials: "omit" });
  } catch {
    throw new Failure("unreachable", { detail: "config.json could not be loaded." });
  }
  if (!answer.ok) throw new Failure("unconfigured", { detail: `config.json: the server answers ${answer.status}.` });
  try {
    return Object(await answer.json());
  } catch {
    throw new Failure("unconfigured", { detail: "config.json is not JSON." });
  }
}

function text(found, name, problems) {
  if (typeof found[name] === "string" && found[name]) return found[name];
  problems.push(`${name} is missing`);
  return "";
}

/** An address without a slash at its end. Tokens go there, so plain http is for this machine only. */
function address(found, name, base, problems) {
  const value = text(found, name, problems);
  if (!value) return "";
  const url = URL.canParse(value, base) ? new URL(value, base) : null;
  const local = url && ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (!url || !(url.protocol === "https:" || (url.protocol === "http:" && local))) {
    problems.push(`${name} is ${value}, and must be an https address`);
    return "";
  }
  return url.href.replace(/\/+$/, "");
}

// Who is signed in: OAuth 2 authorization code with PKCE against the deployment's Cognito domain.
//
// Tokens lie in sessionStorage: of this tab only, gone with it, and still there after a reload, so that a run which is
// being followed at 3 a.m. is followed on, and no reload depends on the sign-in page answering. Memory alone would be no
// safer: a script that could read sessionStorage runs in this page and could call the API from it. What keeps such
// scripts out is the content security policy: own files only, no inline code, no parsing of markup anywhere.
import { Failure } from "./failure.js";

const OURS = "holdfast.";
const TOKENS = "holdfast.tokens";
const PENDING = "holdfast.sign-in";
const SCOPES = "openid holdfast/backups:read holdfast/backups:write"; // what this page does, and no more
const EARLY = 60_000; // ms before its end that a token is renewed

export class Session {
  constructor(config) {
    this.config = config;
    this.here = new URL("index.html", document.baseURI).href; // the address that the user pool knows
    this.renewing = null;
  }

  /** Those of this deployment's login; after a failover another region's may serve the page, with a login of its own. */
  get tokens() {
    const found = stored(TOKENS);
    return found?.client === this.config.clientId ? found : null;
  }

  get signedIn() {
    return this.tokens !== null;
  }

  /** What to call the viewer. */
  get name() {
    const claims = payload(this.tokens?.id) ?? payload(this.tokens?.access) ?? {};
    return String(claims.email ?? claims.name ?? claims["cognito:username"] ?? claims.username ?? "Signed in");
  }

  /** Leave for the sign-in page; afterwards the viewer is back where they are now. */
  async signIn() {
    if (!crypto.subtle) throw new Failure("insecure");
    const [state, verifier] = [random(), random()];
    sessionStorage.setItem(PENDING, JSON.stringify({ state, verifier, hash: location.hash }));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier));
    const query = new URLSearchParams({
      response_type: "code",
      client_id: this.config.clientId,
      redirect_uri: this.here,
      scope: SCOPES,
      state,
      code_challenge_method: "S256",
      code_challenge: base64url(new Uint8Array(digest)),
    });
    location.assign(`${this.config.authority}/oauth2/authorize?${query}`);
  }

  /** Take the code that the sign-in page sent back, if there is one; throws what went wrong there. */
  async arrive() {
    const query = new URLSearchParams(location.search);
    if (!query.has("code") && !query.has("error")) return;
    const pending = stored(PENDING);
    sessionStorage.removeItem(PENDING);
    const ours = pending !== null && pending.state === query.get("state");
    history.replaceState(null, "", location.pathname + (ours ? pending.hash : "")); // a code is no thing to bookmark
    if (!ours) {
      if (this.signedIn) return; // an old address, reloaded
      throw new Failure("refused", { title: "This sign-in was not begun in this tab", detail: "Sign in once more." });
    }
    if (query.has("error")) {
      const said = (query.get("error_description") || query.get("error")).slice(0, 300);
      throw new Failure("refused", { title: "The sign-in page refused", detail: said });
    }
    await this.#exchange({
      grant_type: "authorization_code",
      code: query.get("code"),
      redirect_uri: this.here,
      code_verifier: pending.verifier,
    });
  }

  /** An access token that is good for a while; throws a Failure of kind "signed-out" if there is none to be had. */
  async token(refused = "") {
    const tokens = this.tokens;
    if (tokens === null) throw new Failure("signed-out");
    if (tokens.access !== refused && Date.now() < tokens.until - EARLY) return tokens.access;
    this.renewing ??= this.#renew(tokens).finally(() => (this.renewing = null)); // one renewal serves all who wait
    return this.renewing;
  }

  async #renew(tokens) {
    if (!tokens.refresh) return this.#expired();
    try {
      await this.#exchange({ grant_type: "refresh_token", refresh_token: tokens.refresh });
    } catch (failure) {
      if (failure.kind === "refused") return this.#expired();
      throw failure;
    }
    return this.tokens.access;
  }

  #expired() {
    sessionStorage.removeItem(TOKENS);
    throw new Failure("signed-out");
  }

  /** https://docs.aws.amazon.com/cognito/latest/developerguide/token-endpoint.html */
  async #exchange(fields) {
    const answer = await this.#post("/oauth2/token", fields);
    const said = await answer.json().catch(() => ({}));
    if (answer.status >= 500)
      throw new Failure("broken", { status: answer.status, title: "The sign-in service is ill" });
    if (!answer.ok || !said.access_token) {
      const detail = String(said.error_description ?? said.error ?? `It answers ${answer.status}.`).slice(0, 300);
      throw new Failure("refused", { status: answer.status, title: "The sign-in service refused", detail });
    }
    const tokens = {
      client: this.config.clientId,
      access: said.access_token,
      id: said.id_token ?? this.tokens?.id,
      refresh: said.refresh_token ?? this.tokens?.refresh, // a renewal gives a new one only where rotation is on
      until: Date.now() + (Number(said.expires_in) || 300) * 1000,
    };
    sessionStorage.setItem(TOKENS, JSON.stringify(tokens));
  }

  async #post(path, fields) {
    const body = new URLSearchParams({ client_id: this.config.clientId, ...fields });
    try {
      return await fetch(this.config.authority + path, { method: "POST", body, credentials: "omit" });
    } catch {
      throw new Failure("unreachable", { title: "The sign-in service can't be reached" });
    }
  }

  /** Forget the tokens here, have the refresh token revoked, and end the session of the sign-in page. */
  async signOut() {
    const refresh = this.tokens?.refresh;
    for (const name of Object.keys(sessionStorage)) if (name.startsWith(OURS)) sessionStorage.removeItem(name);
    // https://docs.aws.amazon.com/cognito/latest/developerguide/revocation-endpoint.html
    if (refresh) await this.#post("/oauth2/revoke", { token: refresh }).catch(() => null); // it ends by itself
    // https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
    const query = new URLSearchParams({ client_id: this.config.clientId, logout_uri: this.here });
    location.assign(`${this.config.authority}/logout?${query}`);
  }
}

function stored(name) {
  try {
    return JSON.parse(sessionStorage.getItem(name));
  } catch {
    return null;
  }
}

/** The claims of a token, for showing a name. Nothing is decided by them, so nobody needs to check the signature. */
function payload(token) {
  try {
    const bytes = Uint8Array.from(atob(token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")), (c) =>
      c.charCodeAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));
const base64url = (bytes) =>
  btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=+$/, "");

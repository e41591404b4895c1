import { render } from "preact";
import { App } from "./app";
import { adoptPath } from "./router";
import "./style/base.css";
import "./style/table.css";
import "./style/parts.css";
import "./style/split.css";
import "./style/protocol.css";
import "./style/sql.css";
import "./style/menu.css";
import "./style/keys.css";
import "./style/heat_map.css";
import "./style/compare.css";
import "./style/import.css";
import "./style/triage.css";

adoptPath();
render(<App />, document.getElementById("app")!);

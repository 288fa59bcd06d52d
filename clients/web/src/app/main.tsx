import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/shell.css";
import "./styles/sheet.css";
import "./styles/split.css";
import { createRoot } from "react-dom/client";
import { loadConfig } from "./config";
import { App } from "./context";
import { Root } from "./root";
import { applyTheme } from "./theme";

applyTheme();
const root = document.getElementById("root");
if (root) {
  const app = new App(await loadConfig());
  createRoot(root).render(<Root app={app} />);
}

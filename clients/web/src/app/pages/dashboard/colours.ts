/**
 * Colours of severities, light and dark. They begin with those that dashboards have had (#10B981,
 * #F59E0B, #EF4444, #7C2D12), made darker or lighter until each stands out from its ground by 3 to 1.
 */
import type { SeverityName } from "../../../services";

export const SEVERITY_COLOURS: Record<SeverityName, { light: string; dark: string }> = {
  low: { light: "#0b8f64", dark: "#10b981" },
  medium: { light: "#b86e00", dark: "#f59e0b" },
  high: { light: "#dc2f2f", dark: "#ef5a5a" },
  critical: { light: "#7c2d12", dark: "#d0734f" },
};

/** As a CSS colour that follows the theme. */
export function severityColour(name: SeverityName): string {
  const { light, dark } = SEVERITY_COLOURS[name];
  return `light-dark(${light}, ${dark})`;
}

/** Kinds of insights, in a word. */
import { InsightType } from "../../../gen/enhanced_prompt/v1/insights_pb";

export const TYPES: Record<InsightType, string> = {
  [InsightType.UNSPECIFIED]: "Insight",
  [InsightType.ACTIVITY_SPIKE]: "Activity",
  [InsightType.CAMERA_PERFORMANCE]: "Camera",
  [InsightType.SECURITY_ANOMALY]: "Security",
  [InsightType.PREDICTION]: "Forecast",
};

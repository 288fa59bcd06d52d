import { PageHead } from "../../ui/parts";

export default function InsightsPage() {
  return <PageHead title="Insights" />;
}

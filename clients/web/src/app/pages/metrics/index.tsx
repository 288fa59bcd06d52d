import { PageHead } from "../../ui/parts";

export default function MetricsPage() {
  return <PageHead title="Metrics" />;
}

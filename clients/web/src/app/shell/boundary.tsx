/** A page that breaks takes nothing else with it. */
import { Component, type ReactNode } from "react";
import { debug } from "../../services";
import { Empty } from "../ui/parts";

interface Props {
  children: ReactNode;
}

export class ErrorBoundary extends Component<Props, { error: Error | undefined }> {
  override state: { error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidCatch(error: Error): void {
    debug("page", "broke", error);
  }

  override render(): ReactNode {
    if (!this.state.error) return this.props.children;
    return (
      <div className="page-body">
        <Empty icon="warning" title="This page has broken">
          <p>{this.state.error.message}</p>
          <button type="button" className="button" onClick={() => location.reload()}>
            Load it again
          </button>
        </Empty>
      </div>
    );
  }
}

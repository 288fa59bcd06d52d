"""Keep protos/.baseline.binpb: the contract of the finished RPCs, which must not break any more.

The baseline is a buf image of the RPCs in FINISHED with every message that they reach, and nothing
else, so RPCs that still answer UNIMPLEMENTED may change freely. `make check` compares:

    buf build -o - | buf breaking - --against protos/.baseline.binpb

(The pipe makes one image of the two modules of buf.yaml; buf refuses to compare two with one.)

    python scripts/baseline.py --check   compare, and fail when an RPC of FINISHED is not in it
    python scripts/baseline.py           make it anew, unless the contract breaks the present one
    python scripts/baseline.py --break   make it anew in spite of that (say why in CHANGELOG.md)

When RPCs are finished: add them here, run this, commit both.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / "protos" / ".baseline.binpb"
BUF = Path(sys.executable).parent / "buf"
PACKAGE = "enhanced_prompt.v1"

FINISHED = (
    "CompatService.AskStream",
    "CompatService.CreateChatCompletion",
    "CompatService.GetChatbotHealth",
    "CompatService.GetChatbotPrewarm",
    "CompatService.ListDashboardProactiveInsights",
    "CompatService.ListDashboardPromptResponses",
    "CompatService.StreamMetrics",
    "ConsentService.GetConsent",
    "ConsentService.GiveConsent",
    "ConsentService.WithdrawConsent",
    "EventService.BatchIngestEvents",
    "EventService.IngestCloudEvents",
    "EventService.CountEvents",
    "EventService.GetEvent",
    "EventService.GetEventClip",
    "EventService.IngestEvents",
    "EventService.ListCameras",
    "EventService.ListCoverage",
    "EventService.ListEvents",
    "HistoryService.DeleteConversation",
    "HistoryService.ExportConversations",
    "HistoryService.GetConversation",
    "HistoryService.GetPromptAnalytics",
    "HistoryService.ListConversations",
    "HistoryService.ListMessages",
    "HistoryService.ListPromptResponses",
    "HistoryService.SearchMessages",
    "InsightService.AcknowledgeInsights",
    "InsightService.CommitSubscription",
    "InsightService.CreateStandingQuestion",
    "InsightService.DeleteStandingQuestion",
    "InsightService.GetInsight",
    "InsightService.ListInsights",
    "InsightService.ListStandingQuestions",
    "InsightService.MuteInsights",
    "InsightService.PublishInsight",
    "InsightService.SubscribeInsights",
    "InsightService.UpdateStandingQuestion",
    "MetricsService.GetMetrics",
    "MetricsService.SubscribeMetrics",
    "MetricsService.GetSystemHealth",
    "MetricsService.GetUsage",
    "PromptService.Answer",
    "PromptService.Ask",
    "PromptService.CancelTurn",
    "PromptService.Chat",
    "PromptService.ClassifyIntent",
    "PromptService.GenerateContent",
    "PromptService.OptimizePrompt",
    "PromptService.Prewarm",
    "PromptService.WatchTurn",
    "SiteService.GetSite",
    "SiteService.ListSites",
    "SiteService.PutSite",
    "TemplateService.CreateTemplate",
    "TemplateService.CreateTemplateFromConversation",
    "TemplateService.DeleteTemplate",
    "TemplateService.GetTemplate",
    "TemplateService.ListTemplates",
    "TemplateService.RenderTemplate",
    "TemplateService.UpdateTemplate",
)
# Not reached from any RPC, and read by clients all the same.
ALWAYS = ("ErrorReason", "limits")


def held() -> set[str]:
    """RPCs in the present baseline, as "Service.Method"."""
    if not BASELINE.exists():
        return set()
    # A buf image is a FileDescriptorSet with more fields, which are skipped.
    files = FileDescriptorSet.FromString(BASELINE.read_bytes()).file
    return {
        f"{service.name}.{method.name}"
        for file in files
        if file.package == PACKAGE
        for service in file.service
        for method in service.method
    }


def build(*arguments: str) -> bytes:
    """The contract as a buf image."""
    command = [str(BUF), "build", *arguments, "--output", "-"]
    done = subprocess.run(command, cwd=ROOT, check=False, stdout=subprocess.PIPE)
    if done.returncode:
        raise SystemExit(done.returncode)
    return done.stdout


def breaks() -> bool:
    """Whether the contract breaks the baseline; buf says where."""
    command = [str(BUF), "breaking", "-", "--against", str(BASELINE.relative_to(ROOT))]
    return bool(subprocess.run(command, cwd=ROOT, check=False, input=build()).returncode)


def main() -> int:
    """Make the baseline, or with --check look at it. Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--break", action="store_true", dest="breaking", help="replace it anyway")
    options = parser.parse_args()
    broken = BASELINE.exists() and not options.breaking and breaks()
    if options.check:
        missing = sorted(set(FINISHED) - held())
        for name in missing:
            print(f"{name} is finished and not in the baseline", file=sys.stderr)
        return 1 if missing or broken else 0
    if broken:
        return 1
    BASELINE.write_bytes(
        build(
            "--exclude-source-info", *(f"--type={PACKAGE}.{name}" for name in (*FINISHED, *ALWAYS))
        )
    )
    print(f"{BASELINE.relative_to(ROOT)}: {len(held())} RPCs, {BASELINE.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

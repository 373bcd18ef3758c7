"""The five dashboards: what each asks of Prometheus, and how it is laid out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from manifests.dashboards.panels import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    STATES,
    YELLOW,
    Query,
    bars,
    figure,
    rows,
    series,
)  # fmt: skip

__all__ = ["BOARDS", "SLO_TARGET"]

SLO_TARGET = 0.99
"""Share of executions, those of wrong input left out, that end with results."""

_HERE = 'environment=~"$environment"'
_RUNS = f'{_HERE}, namespace=~"$namespace"'
_RUN = f'{_RUNS}, run=~"$run"'
_SPACE = 'namespace=~"$namespace"'
_LINE = f'{_RUNS}, schedule=~"$schedule"'
_ONE = "environment, namespace, schedule, run"
_TO_RUN = (
    "/d/insights-run?${__url_time_range}&var-source=${source}&var-environment=${environment}"
    "&var-namespace=${__data.fields.Namespace}&var-run=${__data.fields.Run}"
)
_NOBODY = "No leader exports this; see Operator internals"


def _last(metric: str, matchers: str, by: str = _ONE) -> str:
    """A gauge of the leader's, once, whichever replica exported it."""
    return f"max by ({by}) ({metric}{{{matchers}}})"


def _quantiles(metric: str, matchers: str, by: str = "") -> list[Query]:
    """Median, 95th and 99th of a hundred."""
    more, legend = (f", {by}", f" {{{{{by}}}}}") if by else ("", "")
    return [
        Query(
            f"histogram_quantile({q}, sum by (le{more}) "
            f"(rate({metric}_bucket{{{matchers}}}[$__rate_interval])))",
            f"p{round(100 * q)}{legend}",
        )
        for q in (0.5, 0.95, 0.99)
    ]


def _failed(window: str) -> str:
    return (
        f'sum(increase(insights_run_executions_total{{{_RUNS}, outcome="Failed", '
        f'class!="user"}}[{window}]))'
    )


def _ended(window: str) -> str:
    return f'sum(increase(insights_run_executions_total{{{_RUNS}, class!="user"}}[{window}]))'


def _error_ratio(window: str) -> str:
    return f"{_failed(window)} / ({_ended(window)} > 0)"


def overview() -> dashboard.Dashboard:
    """The state of every run in five seconds."""
    board = _board("overview", "Overview", "The state of every run, and what needs a look.")

    def runs(states: str) -> str:
        return f'sum(max by (environment, namespace, state) (insights_operator_runs{{{_RUNS}, state=~"{states}"}}))'

    _row(
        board,
        "Now",
        figure(
            "Failed", "Runs whose last execution failed for good. They are listed below.",
            Query(runs("Failed")), empty=_NOBODY, steps=((None, GREEN), (1, RED)),
        ),
        figure(
            "Invalid", "Runs whose spec cannot be accepted; `kubectl describe` says why.",
            Query(runs("Invalid")), empty=_NOBODY, steps=((None, GREEN), (1, PURPLE)),
        ),
        figure(
            "At work", "Runs with pods: starting, queued by Kueue, or running.",
            Query(runs("Starting|Queued|Running")), empty=_NOBODY,
        ),
        figure(
            "Waiting", "Runs that wait for a slot, for the next try, or for the results store.",
            Query(runs("WaitingForSlot|Waiting|Backoff|New")), empty=_NOBODY,
            steps=((None, BLUE), (50, ORANGE)),
        ),
        figure(
            "Published", "Runs whose results are there.", Query(runs("Published")), empty=_NOBODY,
            steps=((None, GREEN),),
        ),
        figure(
            "Leader", "Replicas that lead: one, or nothing happens.",
            Query(f"sum(insights_operator_leader{{{_HERE}}})"), empty="No operator is scraped",
            steps=((None, RED), (1, GREEN), (2, RED)),
        ),
    )  # fmt: skip
    _row(
        board,
        "Needs a look",
        rows(
            "Failed runs", "Runs whose last execution failed for good; of a schedule only the "
            "newest. Click a run for its dashboard.",
            {
                "": Query(_last("insights_run_failed_info", _RUNS, f"{_ONE}, reason")),
                "Since": Query(
                    f"1000 * ({_last('insights_run_end_timestamp_seconds', _RUNS)}) and on ({_ONE}) "
                    f"{_last('insights_run_failed_info', _RUNS)}"
                ),
            },
            empty="No run has failed", width=12,
            names={"namespace": "Namespace", "run": "Run", "reason": "Reason",
                   "schedule": "Schedule", "environment": "Environment"},
            units={"Since": "dateTimeFromNow"}, links={"Run": _TO_RUN},
        ),
        rows(
            "Active runs", "Runs at work, the least advanced first. Click a run for its dashboard.",
            {
                "": Query(_last("insights_run_active_info", _RUNS, f"{_ONE}, state, stage")),
                "Done": Query(_last("insights_run_progress_ratio", _RUNS)),
                "Left": Query(_last("insights_run_remaining_seconds", _RUNS)),
            },
            empty="No run is at work", width=12,
            names={"namespace": "Namespace", "run": "Run", "state": "State", "stage": "Stage",
                   "schedule": "Schedule", "environment": "Environment"},
            units={"Done": "percentunit", "Left": "s"}, links={"Run": _TO_RUN},
        ),
    )  # fmt: skip
    _row(
        board,
        "Over time",
        series(
            "Runs by state", "How many runs are where. A rising band of waiting or failed runs is "
            "where to look.",
            [Query(f"sum by (state) (max by (environment, namespace, state) (insights_operator_runs{{{_RUNS}}})) > 0", "{{state}}")],
            empty=_NOBODY, stacked=True, colours=STATES, held=True,
        ),
        series(
            "Executions that ended", "In each interval, by outcome; those whose spec or input is "
            "wrong have the class `user`.",
            [
                Query(f'sum(increase(insights_run_executions_total{{{_RUNS}, outcome="Published"}}[$__rate_interval]))', "Published"),
                Query(f"{_failed('$__rate_interval')}", "Failed"),
                Query(f'sum(increase(insights_run_executions_total{{{_RUNS}, class="user"}}[$__rate_interval]))', "Failed for its input"),
            ],
            empty="No execution has ended yet", stacked=True, decimals=0,
            colours={"Published": GREEN, "Failed": RED, "Failed for its input": PURPLE},
        ),
        series(
            "From start to end", "Time of an execution over all its attempts, of those that ended "
            "in the interval.",
            _quantiles("insights_run_duration_seconds", _HERE), unit="s",
            empty="No execution ended in this time", colours=_QUANTILES,
        ),
        series(
            "Time by stage", "Median time of each stage of published computations.",
            [Query(f"histogram_quantile(0.5, sum by (le, stage) (rate(insights_run_stage_duration_seconds_bucket{{{_HERE}}}[$__rate_interval])))", "{{stage}}")],
            unit="s", empty="Nothing was computed in this time",
            colours=_STAGES,
        ),
        series(
            "Wait for the first attempt", "From the creation of a run to its first attempt: long "
            "where the limits of active runs hold it back.",
            _quantiles("insights_run_queue_wait_seconds", _HERE), unit="s",
            empty="No run has begun in this time", colours=_QUANTILES,
        ),
        series(
            "Start of the driver", "From an attempt's start to its driver's first sign of life: "
            "Kueue, nodes, images, pods, Ray.",
            _quantiles("insights_run_startup_seconds", _HERE, "child_kind"), unit="s",
            empty="No driver has begun in this time", colours=_by_kind("Job", "RayJob"),
        ),
    )  # fmt: skip
    _row(
        board,
        "Schedules",
        rows(
            "Schedules", "When each is due next, when it last succeeded, when a time of it was last "
            "missed, and how often one was left out since the last run was still active.",
            {
                "Next": Query(f"1000 * {_last('insights_schedule_next_timestamp_seconds', _RUNS, _SCHEDULE)}"),
                "Last success": Query(f"1000 * {_last('insights_schedule_last_success_timestamp_seconds', _RUNS, _SCHEDULE)}"),
                "Last missed": Query(f"1000 * {_last('insights_schedule_last_missed_timestamp_seconds', _RUNS, _SCHEDULE)}"),
                "Left out": Query(f'sum by ({_SCHEDULE}) (increase(insights_schedule_missed_total{{{_RUNS}, reason="AlreadyActive"}}[$__range]))'),
            },
            empty="There is no schedule",
            names={"namespace": "Namespace", "schedule": "Schedule", "environment": "Environment"},
            units={"Next": "dateTimeFromNow", "Last success": "dateTimeFromNow",
                   "Last missed": "dateTimeFromNow", "Left out": "none"},
        ),
    )  # fmt: skip
    return board


def run() -> dashboard.Dashboard:
    """One run, now and as it was."""
    board = _board("run", "One run", "One run: where it is, and what its last result says.")
    board.with_variable(_variable("run", "Run", f'label_values({{{_RUNS}, run!=""}}, run)'))
    board.with_variable(
        dashboard.TextBoxVariable("reports")
        .label("Reports are at")
        .description("URL below which the results store's files are served, without a slash at the "
                     "end; links to reports begin with it.")
        .default_value("https://results.example.org")
    )  # fmt: skip
    idle = "The run is not at work"
    _row(
        board,
        "Where it is",
        figure(
            "State", "Where an active run is.",
            Query(_last("insights_run_active_info", _RUN, f"{_ONE}, state"), "{{state}}"),
            empty=idle, text=True, width=3,
        ),
        figure(
            "Stage", "What its driver is doing.",
            Query(_last("insights_run_active_info", f'{_RUN}, stage!=""', f"{_ONE}, stage"), "{{stage}}"),
            empty=idle, text=True, width=3,
        ),
        figure("Done", "Share that is done.", Query(_last("insights_run_progress_ratio", _RUN)),
               unit="percentunit", empty=idle, width=3),
        figure("Left", "Time left, where the driver can tell.",
               Query(_last("insights_run_remaining_seconds", _RUN)), unit="s",
               empty="Not at work, or too early to tell", width=3),
        figure("Attempt", "Number of the active attempt. Each start raises it, a retry as well as "
               "a node that was lost.", Query(_last("insights_run_attempt", _RUN)), empty=idle,
               steps=((None, BLUE), (3, ORANGE)), width=3),
        figure("Failed for", "Why its last execution failed for good.",
               Query(_last("insights_run_failed_info", _RUN, f"{_ONE}, reason"), "{{reason}}"),
               empty="It has not failed", text=True, width=3, steps=((None, RED),)),
        figure("At work for", "Since the execution started.",
               Query(f"time() - {_last('insights_run_start_timestamp_seconds', _RUN)}"), unit="s",
               empty=idle, width=3),
        figure("Ended", "When the last execution ended.",
               Query(f"1000 * {_last('insights_run_end_timestamp_seconds', _RUN)}"),
               unit="dateTimeFromNow", empty="It has not ended", width=3),
        series("Progress", "Share that is done. A line that lies flat for half an hour raises an "
               "alert.", [Query(_last("insights_run_progress_ratio", _RUN), "{{run}}")],
               unit="percentunit", empty="It was not at work in this time", high=1, width=24),
    )  # fmt: skip
    without = "No driver of it ran on Ray in this time"

    def measured(name: str, by: str = "attempt") -> str:
        return f"max by ({by}) (ray_insights_workload_{name}{{{_RUN}}})"

    def a_second(name: str) -> str:
        return f"sum by (attempt) (rate(ray_insights_workload_{name}_total{{{_RUN}}}[$__rate_interval]))"

    def of_pods(metric: str) -> str:
        return f"max by (node_type, pod) (ray_{metric}{{{_RUN}}})"

    _row(
        board,
        "Its computation, on Ray",
        series("Stages", "What the driver is doing; a stage that takes most of the time is where "
               "to gain.", [Query(f"{measured('stage_active', 'stage')} > 0", "{{stage}}")], empty=without, high=1,
               held=True, stacked=True, decimals=0, width=8, colours=_STAGES),
        series("Rows a second", "Rows read from the roster, and rows whose nearest centre k-means "
               "looked for.", [Query(a_second("rows_read"), "read"),
                               Query(a_second("kmeans_rows"), "compared with centres")],
               empty=without, width=8,
               colours={"read": SKY, "compared with centres": BLUE}),
        series("k-means: time of a pass", "Mean time of a pass over all rows. It rises where a "
               "node has too little processor, or was lost.",
               [Query(f"{a_second('kmeans_pass_seconds')} / ({a_second('kmeans_passes')} > 0)", "attempt {{attempt}}")],
               unit="s", empty=without, width=8),
        series("k-means: inertia", "Sum of squared distances to the centres. It falls, and lies "
               "flat when there is no more to gain.",
               [Query(measured("kmeans_inertia"), "attempt {{attempt}}")], empty=without, width=8,
               low=None),
        series("Teams: how unequal", "Of the teams that are looked for, as a share of chance. It "
               "falls, and lies flat when there is no more to gain.",
               [Query(measured("team_unbalance_ratio"), "attempt {{attempt}}")], unit="percentunit",
               empty=without, width=8),
        series("Teams: rounds", "Rounds that the search has spent.",
               [Query(measured("team_rounds_total"), "attempt {{attempt}}")], empty=without, width=8),
        series("Memory in use", "Share of a pod's memory, of the fullest head and worker. Ray ends "
               "processes above 95 %.",
               [Query(f"max by (node_type) ({of_pods('node_mem_used')} / {of_pods('node_mem_total')})", "{{node_type}}")],
               unit="percentunit", empty=without, high=1, steps=((None, BLUE), (0.95, RED)),
               width=8),
        series("Objects", "What Ray's object stores hold, and what did not fit and was spilled to "
               "disk. Spilling is slow: give workers more memory.", [
                   Query(f"sum(ray_object_store_used_memory{{{_RUN}}})", "in memory"),
                   Query(f'sum(ray_spill_manager_objects_bytes{{{_RUN}, State="Spilled"}})', "spilled"),
               ], unit="bytes", empty=without, width=8,
               colours={"in memory": BLUE, "spilled": ORANGE}),
        series("Processors in use", "By the driver, and by the actors that hold rows, over all pods.",
               [Query(f'sum(ray_component_cpu_percentage{{{_RUN}, Component=~"{process}"}}) / 100', name)
                for name, process in (("driver", ".*python.*"), ("actors with rows", "ray::_Holder.*"))],
               unit="none", empty=without, width=8,
               colours={"driver": BLUE, "actors with rows": ORANGE}),
    )  # fmt: skip
    none = "No result, or not the newest of its schedule"
    _row(
        board,
        "Its last result",
        *(
            figure(title, says, Query(_last(f"insights_run_{metric}", _RUN)), unit=unit,
                   empty=none, decimals=decimals, steps=steps)
            for title, says, metric, unit, decimals, steps in _FIGURES
        ),
        rows(
            "Report", "Click to read the report; the variable above says where reports are served.",
            {
                "": Query(_last("insights_run_result_info", _RUN, f"{_ONE}, report")),
                "Published": Query(
                    f"1000 * {_last('insights_run_publish_timestamp_seconds', _RUN)}"
                ),
            },
            empty=none, height=4,
            names={"namespace": "Namespace", "run": "Run", "schedule": "Schedule",
                   "report": "Report", "environment": "Environment"},
            units={"Published": "dateTimeFromNow"},
            links={"Report": "${reports}/${__data.fields.Report}"},
        ),
    )  # fmt: skip
    return board


def results() -> dashboard.Dashboard:
    """How the organisation changes."""
    board = _board(
        "results", "Results over time", "How people, clusters and teams change from run to run."
    )
    board.with_variable(
        _variable("schedule", "Schedule", f"label_values(insights_run_people{{{_RUNS}}}, schedule)")
    )
    none = "No result in this time"

    def line(metric: str) -> Query:
        # A schedule is one line, whichever of its runs is the newest; other runs are one each.
        scheduled = f'max by ({_SCHEDULE}) ({metric}{{{_LINE}, schedule!=""}})'
        single = f'max by (environment, namespace, run) ({metric}{{{_LINE}, schedule=""}})'
        return Query(f"{scheduled} or {single}", "{{schedule}}{{run}}")

    def one(title: str, says: str, metric: str, **more: Any) -> Any:
        return series(title, says, [line(metric)], empty=none, held=True, **more)

    _row(
        board,
        "People",
        one("People", "People who took part. A jump is a change of the roster, wanted or not.",
            "insights_run_people"),
        series("Rejected rows", "Share of the input that could not be used.", [Query(
            f"({line('insights_run_rejected_rows').expr}) / (({line('insights_run_rejected_rows').expr})"
            f" + ({line('insights_run_people').expr}))", "{{schedule}}{{run}}")],
            unit="percentunit", empty=none, held=True, steps=((None, BLUE), (0.05, RED))),
    )  # fmt: skip
    _row(
        board,
        "Clusters",
        one("Clusters", "The number of clusters, k.", "insights_run_clusters", width=8),
        one("Silhouette", "How clear the clusters are: how much nearer people are to their own "
            "centre than to the next.", "insights_run_silhouette_ratio", high=1, low=None,
            width=8),
        one("Stability", "How much of the least stable cluster comes back under resampling. Below "
            "0.6 it is hardly one.", "insights_run_cluster_stability_ratio", high=1,
            steps=((None, BLUE), (0.6, ORANGE)), width=8),
        one("Likeness to the result before", "Adjusted Rand index: 1 is the same clusters, 0 is "
            "what chance gives. A drop says that people are grouped anew.",
            "insights_run_adjusted_rand_ratio", high=1, low=None,
            steps=((None, BLUE), (0.5, ORANGE))),
        one("People who moved", "People whose cluster is not the one that theirs became.",
            "insights_run_moved_people"),
    )  # fmt: skip
    _row(
        board,
        "Teams",
        one("Balance of the teams", "Share of all variance that lies between the teams that were "
            "formed. Less is better.", "insights_run_balance_after_ratio", unit="percentunit",
            width=8),
        series("Formed against random", "The same as a share of that of a random split into the "
               "same sizes. At 100 % the teams are no better than chance.", [Query(
                   f"({line('insights_run_balance_after_ratio').expr}) / "
                   f"({line('insights_run_balance_before_ratio').expr})",
                   "{{schedule}}{{run}}")],
               unit="percentunit", empty=none, held=True, steps=((None, BLUE), (1, RED)), width=8),
        one("Worst team", "Distance of the worst team's mean from everyone's, in standard "
            "deviations of everyone.", "insights_run_worst_team_distance_ratio", width=8),
        one("Soft rules broken", "Rules that could not be wholly obeyed.",
            "insights_run_soft_rules_broken"),
        series("Age of the newest result", "Since each schedule's last success.",
               [Query(f"time() - {_last('insights_schedule_last_success_timestamp_seconds', _LINE, _SCHEDULE)}", "{{schedule}}")],
               unit="s", empty="No schedule has succeeded yet"),
    )  # fmt: skip
    return board


def internals() -> dashboard.Dashboard:
    """The operator itself."""
    board = _board(
        "operator", "Operator internals", "Whether the operator sees, decides and acts in time."
    )
    none = "No operator is scraped"
    _row(
        board,
        "Health",
        figure("Replicas", "Replicas that are scraped.",
               Query(f"count(insights_operator_build_info{{{_HERE}}})"), empty=none,
               steps=((None, RED), (1, ORANGE), (2, GREEN))),
        figure("Leaders", "One, or nothing happens.",
               Query(f"sum(insights_operator_leader{{{_HERE}}})"), empty=none,
               steps=((None, RED), (1, GREEN), (2, RED))),
        figure("Results store", "Whether the results database answers the leader.",
               Query(f"min(insights_operator_store_reachable{{{_HERE}}})"), empty=none,
               steps=((None, RED), (1, GREEN)), words={0: "away", 1: "answers"}),
        figure("Listing verified", "Since a listing last agreed with the watches: at most the "
               "time between two listings, 5 minutes by default.",
               Query(f"max(time() - insights_operator_listing_verified_timestamp_seconds{{{_HERE}}})"),
               unit="s", empty=none, decimals=0, steps=((None, GREEN), (600, ORANGE), (1200, RED))),
        figure("Version", "What runs.",
               Query(f"count by (version) (insights_operator_build_info{{{_HERE}}})", "{{version}}"),
               empty=none, text=True),
        figure("Runs without series", "Runs beyond those that have series of their own; they are "
               "counted by state all the same.",
               Query(f"sum(max by (environment, sort) (insights_operator_runs_without_series{{{_HERE}}}))"),
               empty=_NOBODY, steps=((None, GREEN), (1, ORANGE))),
        series("Who leads", "1 is the leader. A change costs seconds, many in an hour are a sign "
               "of a slow API server or a starved node.",
               [Query(f"insights_operator_leader{{{_HERE}}}", "{{instance}}")], empty=none,
               high=1, held=True),
        series("Last answers", "Age of the last answer of the API server and of the results "
               "database, and of the last listing that agreed with the watches.", [
                   Query(f"max(time() - insights_operator_api_server_reached_timestamp_seconds{{{_HERE}}})", "API server"),
                   Query(f"max(time() - (insights_operator_store_reached_timestamp_seconds{{{_HERE}}} > 0))", "results store"),
                   Query(f"max(time() - insights_operator_listing_verified_timestamp_seconds{{{_HERE}}})", "listing"),
               ], unit="s", empty=none,
               colours={"API server": SKY, "results store": ORANGE, "listing": GREEN}),
    )  # fmt: skip
    _row(
        board,
        "Work",
        series("Time to look once", "To observe, decide and act for one object.",
               _quantiles("insights_operator_reconcile_duration_seconds", _HERE, "kind"), unit="s",
               empty="Nothing was looked at in this time",
               colours=_by_kind("AnalysisRun", "AnalysisSchedule")),
        series("Objects that wait", "Objects that wait for a worker. It should come back to 0.",
               [Query(f"sum by (kind) (insights_operator_queue_depth{{{_HERE}}})", "{{kind}}")],
               empty=none, colours=_KINDS),
        series("Looks a second", "Of each kind.", [Query(
            f"sum by (kind) (rate(insights_operator_reconcile_duration_seconds_count{{{_HERE}}}[$__rate_interval]))", "{{kind}}")],
            unit="ops", empty=none, colours=_KINDS),
        series("Errors a second", "Looks that ended with an error and are repeated.", [Query(
            f"sum by (kind, error) (rate(insights_operator_reconcile_errors_total{{{_HERE}}}[$__rate_interval]))", "{{kind}} {{error}}")],
            unit="ops", empty="No look has ended with an error"),
        series("Attempts that ended", "By reason, in each interval. A reason beside Published is "
               "a place to look.", [Query(
                   f"sum by (reason) (increase(insights_run_attempts_total{{{_HERE}}}[$__rate_interval])) > 0", "{{reason}}")],
               empty="No attempt has ended in this time", stacked=True, decimals=0),
        series("Schedules: time to the run", "From the moment that a schedule names.",
               _quantiles("insights_schedule_skew_seconds", _HERE), unit="s",
               empty="No schedule was due in this time", colours=_QUANTILES),
    )  # fmt: skip
    _row(
        board,
        "The API server",
        series("Requests a second", "By verb and status; 409 is somebody who was faster.", [Query(
            f"sum by (verb, code) (rate(insights_operator_api_requests_total{{{_HERE}}}[$__rate_interval]))", "{{verb}} {{code}}")],
            unit="reqps", empty=none),
        series("Time to an answer", "p99 by verb.", [Query(
            f"histogram_quantile(0.99, sum by (le, verb) (rate(insights_operator_api_request_duration_seconds_bucket{{{_HERE}}}[$__rate_interval])))", "{{verb}}")],
            unit="s", empty="No request in this time", colours=_VERBS),
    )  # fmt: skip
    absent = "KubeRay's metrics are not scraped, or it has no such object"
    _row(
        board,
        "KubeRay, of every environment",
        series("RayJobs", "By what KubeRay says of their deployment.",
               [Query(f'sum by (deployment_status) (kuberay_job_deployment_status{{{_SPACE}}})', "{{deployment_status}}")],
               empty=absent, stacked=True, decimals=0, width=8),
        series("Ray clusters", "By whether all their pods were ever ready. Those that stay not "
               "provisioned wait for nodes, images or a quota.",
               [Query(f'sum by (condition) (kuberay_cluster_condition_provisioned{{{_SPACE}}})', "provisioned: {{condition}}")],
               empty=absent, stacked=True, decimals=0, width=8,
               colours={"provisioned: true": GREEN, "provisioned: false": ORANGE}),
        series("Time to provision a Ray cluster", "From its creation until all its pods were "
               "ready: nodes, images and Ray itself.",
               [Query(f"max by (namespace) (kuberay_cluster_provisioned_duration_seconds{{{_SPACE}}})", "slowest in {{namespace}}")],
               unit="s", empty=absent, width=8),
    )  # fmt: skip
    _row(
        board,
        "The process",
        series("Memory", "Resident memory of each replica.",
               [Query(f'process_resident_memory_bytes{{{_HERE}}} and on (instance) insights_operator_build_info', "{{instance}}")],
               unit="bytes", empty=none),
        series("Processor", "Processors in use by each replica.",
               [Query(f"rate(process_cpu_seconds_total{{{_HERE}}}[$__rate_interval]) and on (instance) insights_operator_build_info", "{{instance}}")],
               unit="none", empty=none),
    )  # fmt: skip
    return board


def slo() -> dashboard.Dashboard:
    """What is promised, and what is left of the error budget."""
    board = _board("slo", "SLO", "What is promised, whether it is kept, and what is left of it.")
    budget = round(1 - SLO_TARGET, 6)
    none = "No execution has ended in this time"
    left = f"1 - (({_error_ratio('30d')}) / {budget})"
    _row(
        board,
        f"{100 * SLO_TARGET:g} % of executions end with results, over 30 days",
        figure("Kept", "Share of executions that ended with results; those whose spec or input is "
               "wrong are left out.", Query(f"1 - {_error_ratio('30d')}"), unit="percentunit",
               empty=none, decimals=2, width=6, steps=((None, RED), (SLO_TARGET, GREEN))),
        figure("Budget left", "Share of the failures allowed in 30 days that is not used up.",
               Query(left), unit="percentunit", empty=none, decimals=0, width=6,
               steps=((None, RED), (0, ORANGE), (0.25, GREEN))),
        figure("Executions", "Executions of the last 30 days that count.", Query(_ended("30d")),
               empty=none, decimals=0, width=6),
        figure("Failures", "Of them, those without results.", Query(_failed("30d")), empty=none,
               decimals=0, width=6, steps=((None, GREEN), (1, ORANGE))),
        series("Burn rate", "How many times faster than allowed the budget is used up. Above 14.4 "
               "for an hour, or 6 for six hours, somebody is called.", [
                   Query(f"({_error_ratio(window)}) / {budget}", name)
                   for window, name in (("5m", "5 min"), ("1h", "1 h"), ("6h", "6 h"), ("3d", "3 d"))
               ], empty=none, unit="none", steps=((None, BLUE), (6, ORANGE), (14.4, RED)),
               width=16, colours={"5 min": SKY, "1 h": BLUE, "6 h": ORANGE, "3 d": GREY}),
        bars("Failures by reason", "Attempts of the chosen time that failed for no fault of the "
             "input, by reason.", Query(
                 f'sum by (reason) (increase(insights_run_attempts_total{{{_HERE}, outcome="Failed", class!="user"}}[$__range])) > 0',
                 "{{reason}}"), empty="No attempt has failed in this time", width=8, decimals=0,
             steps=((None, ORANGE),)),
    )  # fmt: skip
    _row(
        board,
        "In time",
        figure("Runs that start within 30 s", "Share of runs whose first attempt starts within "
               "30 s of their creation. Promised: 99 %, where no limit of active runs holds.",
               Query(_within("insights_run_queue_wait_seconds", "30.0")), unit="percentunit",
               empty="No run has begun in this time", decimals=1, width=8,
               steps=((None, RED), (0.99, GREEN))),
        figure("Schedules within a minute", "Share of scheduled runs that are made within a minute "
               "of their time. Promised: 99 %.",
               Query(_within("insights_schedule_skew_seconds", "60.0")), unit="percentunit",
               empty="No schedule was due in this time", decimals=1, width=8,
               steps=((None, RED), (0.99, GREEN))),
        figure("Somebody leads", "Share of the time since the operator is there in which a replica "
               "led. Promised: 99.9 %.",
               Query(f"avg_over_time((max by (environment) (insights_operator_leader{{{_HERE}}}) or 0 * max by (environment) (last_over_time(insights_operator_build_info{{{_HERE}}}[1d])))[$__range:10s])"),
               unit="percentunit", empty="No operator was scraped", decimals=2, width=8,
               steps=((None, RED), (0.999, GREEN))),
    )  # fmt: skip
    return board


def _by_kind(first: str, second: str) -> dict[str, str]:
    """Colours of the quantiles of two kinds."""
    colours = (SKY, BLUE, GREY, YELLOW, ORANGE, RED)
    names = [f"{q} {kind}" for kind in (first, second) for q in ("p50", "p95", "p99")]
    return dict(zip(names, colours, strict=True))


def _within(metric: str, bound: str) -> str:
    return (
        f'sum(increase({metric}_bucket{{{_HERE}, le="{bound}"}}[$__range])) / '
        f"(sum(increase({metric}_count{{{_HERE}}}[$__range])) > 0)"
    )


BOARDS: dict[str, Callable[[], dashboard.Dashboard]] = {
    "overview": overview,
    "run": run,
    "results": results,
    "operator": internals,
    "slo": slo,
}
"""Dashboards by the names of their files."""

_SCHEDULE = "environment, namespace, schedule"
_QUANTILES = {"p50": SKY, "p95": BLUE, "p99": ORANGE}
_STAGES = {"Ingest": SKY, "Cluster": BLUE, "Teams": GREEN, "Publish": ORANGE}
_KINDS = {"AnalysisRun": BLUE, "AnalysisSchedule": ORANGE}
_VERBS = {"GET": SKY, "POST": GREEN, "PUT": BLUE, "PATCH": PURPLE, "DELETE": ORANGE}
_PLAIN = ((None, BLUE),)
_FIGURES = (
    ("People", "People who took part.", "people", "short", 0, _PLAIN),
    ("Rejected rows", "Rows that could not be used.", "rejected_rows", "short", 0,
     ((None, GREEN), (1, ORANGE))),
    ("Clusters", "Number of clusters, k.", "clusters", "short", 0, _PLAIN),
    ("Silhouette", "How clear the clusters are, -1 to 1.", "silhouette_ratio", "none", 2, _PLAIN),
    ("Stability", "Of the least stable cluster, 0 to 1; below 0.6 it is hardly one.",
     "cluster_stability_ratio", "none", 2, ((None, ORANGE), (0.6, GREEN))),
    ("Likeness", "Adjusted Rand index to the result before.", "adjusted_rand_ratio", "none", 2,
     ((None, ORANGE), (0.5, GREEN))),
    ("Teams", "Number of teams.", "teams", "short", 0, _PLAIN),
    ("Balance, random", "Share of variance between teams of a random split.",
     "balance_before_ratio", "percentunit", 2, ((None, GREY),)),
    ("Balance, formed", "The same for the teams that were formed; less is better.",
     "balance_after_ratio", "percentunit", 2, ((None, GREEN),)),
    ("Worst team", "Distance of its mean from everyone's, in standard deviations.",
     "worst_team_distance_ratio", "none", 2, _PLAIN),
    ("Soft rules broken", "Rules that are not wholly obeyed.", "soft_rules_broken", "short", 0,
     ((None, GREEN), (1, YELLOW))),
    ("Moved", "People who are grouped otherwise than before.", "moved_people", "short", 0, _PLAIN),
)  # fmt: skip


def _board(name: str, title: str, says: str) -> dashboard.Dashboard:
    board = (
        dashboard.Dashboard(f"Insights / {title}")
        .uid(f"insights-{name}")
        .description(says)
        .tags(["insights"])
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .editable()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
    )
    board.link(
        dashboard.DashboardLink("Insights")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags(["insights"])
        .include_vars(True)
        .keep_time(True)
    )
    board.with_variable(
        dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus")
    )
    board.with_variable(
        _variable(
            "environment",
            "Environment",
            "label_values(insights_operator_build_info, environment)",
        )
    )
    board.with_variable(
        _variable(
            "namespace",
            "Namespace",
            f"label_values(insights_operator_runs{{{_HERE}}}, namespace)",
        )
    )
    return board


def _variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    variable = dashboard.QueryVariable(name).label(label)
    variable.datasource(models.DataSourceRef(type_val="prometheus", uid="${source}"))
    variable.query({"qryType": 1, "query": query, "refId": "variable"})
    variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
    variable.sort(models.VariableSort.ALPHABETICAL_ASC)
    if name == "run":
        return variable
    return variable.include_all(True).all_value(".*").multi(True)


def _row(board: dashboard.Dashboard, title: str, *panels: Any) -> None:
    board.with_row(dashboard.Row(title))
    for panel in panels:
        board.with_panel(panel)

# How a check is run and reported; sourced by .ci/run. Results are files, so that checks can run side by side.

LOGS=$PWD/build/ci/logs
CHECK_TIMEOUT_S=1200

# Nothing of an earlier run, nor of what the caller's shell says about builds, is in what is checked.
# Without bytecode each of some thousand servers would take twice as long to start.
prepare() {
    rm -rf build/ci && mkdir -p "$LOGS"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    unset "${!ASGISERVE_@}" PYTEST_ADDOPTS PYTHONPATH PYTHONDONTWRITEBYTECODE
}

# No output names the package registries and mirrors that this machine is set up with.
redact() {
    sed -E "s#([a-z+]+://)[^/[:space:]'\"]+#\1...#g; s#(host=|resolve )'[^']*'#\1...#g"
}

# check NAME COMMAND...: run COMMAND, say how it went, and if badly, show the end of what it printed.
check() {
    local name=$1 log=$LOGS/${1//[^A-Za-z0-9.]/-} start=$SECONDS status
    shift
    local TIMEFORMAT='%U %S' cpu
    cpu=$({ time timeout --kill-after=10 $CHECK_TIMEOUT_S "$@" >"$log.log" 2>&1 </dev/null; } 2>&1; echo $? >"$log.status")
    status=$(cat "$log.status")
    cpu=$(awk '{ printf "%d", $1 + $2 }' <<<"$cpu")
    {
        if [ $status -eq 0 ]; then
            echo "ok    $name ($((SECONDS - start)) s, $cpu s of CPU)"
            # pytest's closing line says what was run.
            grep -E '^=+ .*(passed|failed|error|no tests ran).* =+$' "$log.log"
        else
            [ $status -ne 124 ] || echo "stopped after $((CHECK_TIMEOUT_S / 60)) minutes" >>"$log.log"
            echo "FAIL  $name ($((SECONDS - start)) s), exit status $status:"
            tail -n 80 "$log.log" | sed 's/^/      /'
        fi
    } | redact
}

# check_after FIRST NAME COMMAND...: the same, where the check FIRST has passed.
check_after() {
    local first=$LOGS/${1//[^A-Za-z0-9.]/-}.status name=$2
    if [ "$(cat "$first" 2>/dev/null)" = 0 ]; then
        shift
        check "$@"
    else
        echo 1 >"$LOGS/${name//[^A-Za-z0-9.]/-}.status"
        echo "FAIL  $name: not run, since '$1' failed"
    fi
}

# What failed stands once more at the very end, which is the part of a long output that is kept.
conclude() {
    local failed=0 status
    for status in "$LOGS"/*.status; do
        [ "$(cat "$status")" != 0 ] || continue
        failed=1
        echo "failed: $(basename "$status" .status)"
        grep -hE '^(FAILED|ERROR) ' "${status%.status}.log" 2>/dev/null | cut -c 1-300 | head -n 10 | redact
    done
    [ $failed -eq 0 ] && .ci/tiers --passed
    [ $failed -eq 0 ] && echo "all checks passed in $((SECONDS / 60)) min $((SECONDS % 60)) s"
    exit $failed
}

#!/bin/sh
# Runs every cargo test of the workspace and ends with the summary line that each test program printed itself, what
# failed, and the sum. It must not choose among the tests, and must not hide what they print.
#
# Usage: test.sh LOG. Ends with the status of cargo test.
set -u

log=$1
mkdir -p "$(dirname "$log")"
# A pipe hides the status of its left side; it is kept beside the log.
{
    cargo test --workspace --no-fail-fast 2>&1
    echo $? >"$log.status"
} | tee "$log"
status=$(cat "$log.status")
rm -f "$log.status"

echo
echo '== summary'
awk '
    # "     Running tests/plane.rs (target/debug/deps/plane-d8098175ab78d26e)": the program, without its hash
    /^ +Running / {
        target = $NF
        gsub(/^.*\/|-[0-9a-f]+\)$/, "", target)
        if ($2 == "unittests") target = target " (unit)"
    }
    /^ +Doc-tests / { target = $2 " (doc)" }
    /^test .* \.\.\. FAILED$/ { failed[++failures] = target ": " $2 }
    /^test result: / {
        programs++
        printf "%-44s %s\n", target, $0
        for (field = 1; field <= NF; field++) {
            if ($field == "passed;") passed += $(field - 1)
            if ($field == "failed;") broken += $(field - 1)
            if ($field == "ignored;") ignored += $(field - 1)
        }
    }
    END {
        for (each = 1; each <= failures; each++) print "FAILED " failed[each]
        printf "total of %d programs: %d passed; %d failed; %d ignored\n", programs, passed, broken, ignored
    }
' "$log"
if [ "$status" -ne 0 ]; then
    echo "cargo test ended with status $status; everything it printed is in $log" >&2
fi
exit "$status"

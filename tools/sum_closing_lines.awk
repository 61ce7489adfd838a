#!/usr/bin/awk -f
# Sums up closing lines of pytest: "==== 1 failed, 12 passed in 3.45s ====" and "==== 2
# passed in 1.00s (0:00:01) ====" become "==== 1 failed, 14 passed in 4.45s ====".
{
    for (i = 1; i < NF; i++) {
        word = $(i + 1)
        sub(/,$/, "", word)
        sub(/^errors$/, "error", word)
        if ($i ~ /^[0-9]+$/ && word ~ /^[a-z]+$/) {
            if (!(word in count)) order[++words] = word
            count[word] += $i
        }
        if ($i == "in" && word ~ /^[0-9.]+s$/) seconds += word
    }
}
END {
    if (!NR) print "make test ended before pytest did."
    else {
        for (i = 1; i <= words; i++)
            line = line (i > 1 ? ", " : "") count[order[i]] " " order[i]
        printf "==== %s in %.2fs ====\n", words ? line : "no tests ran", seconds
    }
}

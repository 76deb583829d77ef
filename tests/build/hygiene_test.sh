#!/bin/bash
# What must not lie in the repository: notes to self, paths of one machine, hosts of package
# registries, and so much data that cloning hurts. Looks at every tracked and every new file.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
limit_mb=200
list=$(mktemp) || exit 1
trap 'rm -f "$list" "$list".*' EXIT

# In a tarball without .git everything outside the ignored folders counts.
git -c safe.directory='*' ls-files -z -co --exclude-standard >"$list" 2>/dev/null ||
  find . \( -path ./.venv -o -path './build*' -o -path './results/demo' \) -prune -o -type f -print0 >"$list"
[ -s "$list" ] || { echo "hygiene: found no files at all"; exit 1; }
failures=0

# search NAME PATTERN FILE-LIST: fails with the places where the pattern occurs in a text file.
# The patterns are written so that they do not match their own line.
search() {
  xargs -0 grep -nIHE -e "$2" <"$3" >"$list.hits" 2>/dev/null
  if [ -s "$list.hits" ]; then
    echo "hygiene: $1:"; cut -c1-160 "$list.hits"; failures=$((failures + 1))
  fi
}
search_all() {
  search "note to self" '\b(TO[D]O|FIX[M]E|X{3})\b' "$1"
  search "path of one machine" '(^|[^A-Za-z0-9_./}-])/(wor[k]|roo[t]|hom[e])/' "$1"
  search "host or address of a package registry" \
    'index[-]url|find[-]links|trusted[-]host|pypi[.]org|pythonhosted[.]org|download[.]pytorch|registry[.]npmjs' "$1"
}

# The search finds what it should, before it is believed.
for bad in 'TO''DO later' '  # FIX''ME' 'a=/wor''k/x' '"/roo''t/.cache"' 'cd /hom''e/me' \
           'pip install --index''-url u'; do
  echo "$bad" >"$list.sample"; printf '%s\0' "$list.sample" >"$list.one"
  before=$failures
  search_all "$list.one" >/dev/null
  [ "$failures" = $((before + 1)) ] || { echo "hygiene: does not see: $bad"; exit 1; }
  failures=$before
done

search_all "$list"
total=$(xargs -0 stat -c %s <"$list" 2>/dev/null | awk '{sum += $1} END {print int(sum / 1048576)}')
if [ "$total" -ge "$limit_mb" ]; then
  echo "hygiene: the files add up to $total MB, the limit is $limit_mb MB; the largest:"
  xargs -0 stat -c '%s %n' <"$list" | sort -rn | head -n 10
  failures=$((failures + 1))
fi
echo "hygiene: $(tr -cd '\0' <"$list" | wc -c) files, $total MB, $failures problems"
[ "$failures" = 0 ]

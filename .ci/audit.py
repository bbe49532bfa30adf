"""Ask pip-audit for known vulnerabilities of what is installed. Ends with 1 if there is one, and says what could not be asked."""

import json
import subprocess
import sys


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(result.stdout)["dependencies"]
    except (ValueError, KeyError):
        print("NOT CHECKED: pip-audit could not ask its advisory service:", (result.stderr.splitlines() or ["no output"])[-1])
        return 0
    found = [f"{each['name']} {each['version']}: {vulnerability['id']}" for each in packages for vulnerability in each.get("vulns", ())]
    skipped = sum("skip_reason" in each for each in packages)
    print(*found, f"{len(packages) - skipped} of {len(packages)} packages checked, {len(found)} known vulnerabilities.", sep="\n")
    if skipped:
        print(f"NOT CHECKED: {skipped} packages, which the advisory service here does not know.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

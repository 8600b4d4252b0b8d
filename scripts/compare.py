#!/usr/bin/env python3
"""Times quantize against llama-quantize, whole program against whole program, and checks that both
write the same bytes. Prints a table in Markdown, as it stands in docs/performance.md.

    cmake --preset release && cmake --build --preset release
    scripts/compare.py                        every type; an hour, most of it the reference's
    scripts/compare.py Q4_K Q8_0 --weights 50e6
    scripts/compare.py --again                keep the reference's times, measure quantize anew
    scripts/compare.py --write                and put the table into docs/performance.md

Every result is kept in the work folder as it comes, so that a run that was stopped goes on where
it was. The source lies on disk and is read once before it is measured; outputs go to /dev/shm
where they fit. A measurement is the best of up to three runs, fewer where a run takes long.
"""
import argparse
import datetime
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# What is measured: a name for the table, the recipe, whether --pure makes it one type, and for
# which importance matrix settings. Types that search code books run on a smaller model.
PLAIN, MATRIX = False, True
BOTH = (PLAIN, MATRIX)
CASES = {
    "F16": ("F16", True, (PLAIN,)),
    "BF16": ("BF16", True, (PLAIN,)),
    "Q8_0": ("Q8_0", True, (PLAIN,)),
    "Q4_0": ("Q4_0", True, BOTH),
    "Q4_1": ("Q4_1", True, BOTH),
    "Q5_0": ("Q5_0", True, BOTH),
    "Q5_1": ("Q5_1", True, BOTH),
    "Q2_K": ("Q2_K", True, BOTH),
    "Q3_K": ("Q3_K_S", True, BOTH),
    "Q4_K": ("Q4_K_S", True, BOTH),
    "Q5_K": ("Q5_K_S", True, BOTH),
    "Q6_K": ("Q6_K", True, BOTH),
    "Q4_K_M (recipe)": ("Q4_K_M", False, BOTH),
    "Q5_K_M (recipe)": ("Q5_K_M", False, BOTH),
    "TQ1_0": ("TQ1_0", True, (PLAIN,)),
    "TQ2_0": ("TQ2_0", True, (PLAIN,)),
    "Q1_0": ("Q1_0", True, (PLAIN,)),
    "Q2_0": ("Q2_0", True, (PLAIN,)),
    "MXFP4": ("MXFP4_MOE", True, (PLAIN,)),
    "IQ4_NL": ("IQ4_NL", True, BOTH),
    "IQ4_XS": ("IQ4_XS", True, BOTH),
    "IQ3_S": ("IQ3_S", True, BOTH),
    "IQ3_XXS": ("IQ3_XXS", True, (MATRIX,)),
    "IQ2_S": ("IQ2_S", True, (MATRIX,)),
    "IQ2_XS": ("IQ2_XS", True, (MATRIX,)),
    "IQ2_XXS": ("IQ2_XXS", True, (MATRIX,)),
    "IQ1_M": ("IQ1_M", True, (MATRIX,)),
    "IQ1_S": ("IQ1_S", True, (MATRIX,)),
}


def options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("types", nargs="*", metavar="TYPE", help="only these (default: all)")
    parser.add_argument("--quantize", default=os.path.join(ROOT, "build/release/quantize"))
    parser.add_argument("--make-model", help="default: tests/bench/make_model beside quantize")
    parser.add_argument("--reference", default=shutil.which("llama-quantize"),
                        help="llama-quantize (default: the one on PATH)")
    parser.add_argument("--weights", type=float, default=400e6, help="weights of the model")
    parser.add_argument("--slow-weights", type=float, default=100e6,
                        help="weights of the model for IQ1 to IQ4 (at most --weights)")
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")],
                        default=[1, 2], metavar="N,N", help="default: 1,2")
    parser.add_argument("--work", default=os.path.join(ROOT, "build/compare"))
    parser.add_argument("--again", action="store_true", help="measure quantize and cp anew")
    parser.add_argument("--table", action="store_true", help="print what is known; measure nothing")
    parser.add_argument("--write", action="store_true",
                        help="put the table into docs/performance.md")
    chosen = parser.parse_args()
    unknown = [name for name in chosen.types if not cases_named([name])]
    if unknown:
        parser.error("unknown types: " + ", ".join(unknown))
    if not chosen.table and not chosen.reference:
        parser.error("no llama-quantize on PATH; name one with --reference")
    if not chosen.make_model:
        chosen.make_model = os.path.join(os.path.dirname(chosen.quantize), "tests/bench/make_model")
    return chosen


def cases_named(names):
    return [case for case in CASES if not names or case.split()[0] in names]


class Results:
    """Measurements by key, kept in a file after each one."""

    def __init__(self, path):
        self.path = path
        self.known = {}
        if os.path.exists(path):
            with open(path) as file:
                self.known = json.load(file)

    def get(self, key, measure, again=False):
        if again or key not in self.known:
            self.known[key] = measure()
            with open(self.path + ".new", "w") as file:
                json.dump(self.known, file, indent=1)
            os.replace(self.path + ".new", self.path)
        return self.known[key]


def make_model(chosen, weights):
    base = os.path.join(chosen.work, "model-%d" % (weights / 1e6))
    model, imatrix = base + ".gguf", base + ".imatrix.dat"
    if not os.path.exists(imatrix):
        print("writing a model of %d million weights" % (weights / 1e6), file=sys.stderr)
        subprocess.run([chosen.make_model, str(int(weights)), model, imatrix + ".new"], check=True)
        os.rename(imatrix + ".new", imatrix)
    return model, imatrix


def output_folder(chosen, model):
    """tmpfs when two outputs as large as twice the source fit, else the work folder."""
    shm = "/dev/shm"
    if os.path.isdir(shm) and shutil.disk_usage(shm).free > 4 * os.path.getsize(model):
        folder = os.path.join(shm, "quantize-compare-%d" % os.getpid())
    else:
        folder = os.path.join(chosen.work, "out")
    os.makedirs(folder, exist_ok=True)
    return folder


def warm(path):
    with open(path, "rb") as file:
        while file.read(1 << 24):
            pass


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 24):
            digest.update(block)
    return digest.hexdigest()


def timed(command):
    """Seconds, seconds of processor time, and peak resident memory in MiB of one run."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError("%s: exit status %d: %s" % (
            " ".join(command), process.returncode, message.decode(errors="replace")[-300:]))
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure(command, source, output, hashed=True):
    warm(source)
    best, least, peak, spent, runs = None, None, 0, 0, 0
    while runs < 3 and spent < 10:
        if os.path.exists(output):
            os.remove(output)
        seconds, processor_time, memory = timed(command)
        best = seconds if best is None else min(best, seconds)
        least = processor_time if least is None else min(least, processor_time)
        peak, spent, runs = max(peak, memory), spent + seconds, runs + 1
    result = {"seconds": best, "cpu": least, "mib": peak, "runs": runs}
    if hashed:
        result["sha256"] = sha256(output)
    os.remove(output)
    return result


def key_of(case, matrix, threads, model):
    return "%s/%s/%d threads/%s" % (case, "imatrix" if matrix else "plain", threads,
                                    os.path.basename(model))


def run_case(chosen, results, case, matrix, threads, model, imatrix, folder):
    recipe, pure, _ = CASES[case]
    arguments = (["--pure"] if pure else []) + (["--imatrix", imatrix] if matrix else [])
    output = os.path.join(folder, "out.gguf")
    tail = [model, output, recipe, str(threads)]
    key = key_of(case, matrix, threads, model)
    theirs = results.get("reference/" + key,
                         lambda: measure([chosen.reference] + arguments + tail, model, output))
    copied = results.get("cp/" + key,
                         lambda: measure(["cp", model, output], model, output, hashed=False),
                         chosen.again)
    ours = results.get("quantize/" + key,
                       lambda: measure([chosen.quantize, "-q"] + arguments + tail, model, output),
                       chosen.again)
    print("%s: %.2f s, reference %.2f s" % (key, ours["seconds"], theirs["seconds"]),
          file=sys.stderr)


def weights_of(model):
    """All but the norms is F16."""
    return os.path.getsize(model) / 2


def table(chosen, results):
    """The table's lines, and how many outputs differ."""
    version = "quantize"
    if os.access(chosen.quantize, os.X_OK):
        shown = subprocess.run([chosen.quantize, "--version"], capture_output=True, text=True)
        version = shown.stdout.strip().replace("\n", ", ")
    lines = [
        "%s; %s; %d cores; Linux %s; %s" % (datetime.date.today().isoformat(), processor(),
                                            os.cpu_count(), platform.release(), version),
        "",
        "| type | matrix | threads | llama-quantize s | quantize s | ratio | ratio of CPU time |"
        " ns per weight | cp s | peak MiB (llama-quantize) | same bytes |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|---|"]
    different = 0
    for case in cases_named(chosen.types):
        model = model_of(chosen, case)
        for matrix in CASES[case][2]:
            for threads in chosen.threads:
                key = key_of(case, matrix, threads, model)
                row = [results.known.get(who + key) for who in ("reference/", "quantize/", "cp/")]
                if None in row:
                    continue
                theirs, ours, copied = row
                same = theirs["sha256"] == ours["sha256"]
                different += not same
                lines.append("| %s | %s | %d | %.2f | %.2f | %.1f | %.1f | %.2f | %.2f |"
                             " %.0f (%.0f) | %s |" % (
                                 case, "yes" if matrix else "no", threads, theirs["seconds"],
                                 ours["seconds"], theirs["seconds"] / ours["seconds"],
                                 theirs["cpu"] / ours["cpu"],
                                 1e9 * ours["seconds"] / weights_of(model), copied["seconds"],
                                 ours["mib"], theirs["mib"], "yes" if same else "**NO**"))
    return lines, different


def write_table(lines):
    path = os.path.join(ROOT, "docs/performance.md")
    begin, end = "<!-- compare.py -->\n", "<!-- end -->"
    with open(path) as file:
        text = file.read()
    before, rest = text.split(begin)
    with open(path, "w") as file:
        file.write(before + begin + "\n".join(lines) + "\n" + end + rest.split(end, 1)[1])


def processor():
    name, features = platform.processor() or platform.machine(), []
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    name = line.split(":", 1)[1].strip()
                if line.startswith("flags"):
                    features = [f for f in ("avx2", "avx512f") if f in line.split()]
                    break
    except OSError:
        pass
    return name + (" (" + ", ".join(features) + ")" if features else "")


def model_of(chosen, case):
    slow = case.startswith("IQ")
    weights = min(chosen.weights, chosen.slow_weights) if slow else chosen.weights
    return os.path.join(chosen.work, "model-%d.gguf" % (weights / 1e6))


def main():
    chosen = options()
    os.makedirs(chosen.work, exist_ok=True)
    results = Results(os.path.join(chosen.work, "results.json"))
    failed = 0
    if not chosen.table:
        sizes = {model_of(chosen, case) for case in cases_named(chosen.types)}
        matrices = {}
        for weights in {chosen.weights, min(chosen.weights, chosen.slow_weights)}:
            model = os.path.join(chosen.work, "model-%d.gguf" % (weights / 1e6))
            if model in sizes:
                matrices[model] = make_model(chosen, weights)[1]
        folder = output_folder(chosen, max(sizes, key=os.path.getsize))
        try:
            for case in cases_named(chosen.types):
                model = model_of(chosen, case)
                for matrix in CASES[case][2]:
                    for threads in chosen.threads:
                        try:
                            run_case(chosen, results, case, matrix, threads, model,
                                     matrices[model], folder)
                        except RuntimeError as error:
                            print(error, file=sys.stderr)
                            failed += 1
        finally:
            shutil.rmtree(folder)
    lines, different = table(chosen, results)
    print("\n".join(lines))
    if chosen.write:
        write_table(lines)
    failed += different
    sys.exit(1 if failed else 0)


main()

// SPDX-License-Identifier: MIT
// Runs the rows one after the other, all subjects of a row together with their repetitions in random order, so that what
// else the machine does meanwhile hits them alike. Prints a Markdown table; --out writes Google Benchmark's JSON.
#include <algorithm>
#include <charconv>
#include <fstream>
#include <iostream>
#include <map>

#include "suite.hpp"

namespace {

struct options {
  std::string out, filter = ".*", repetitions = "7", min_time = "0.015";
  bool        full_size = false;
};

constexpr char const *usage =
    "pagewright_bench [--out FILE] [--filter REGEX] [--quick] [--full-size] [Google Benchmark's own options]\n"
    "  --out FILE      write Google Benchmark's JSON\n"
    "  --filter REGEX  only benchmarks whose name (row/subject) it matches somewhere\n"
    "  --quick         fewer and shorter repetitions\n"
    "  --full-size     map/sparse with a million pages (5 GiB of memory) instead of a hundred thousand\n";

/// Keeps every run, with its name as it was given: Google Benchmark adds "/manual_time".
class collector : public benchmark::BenchmarkReporter {
 public:
  auto ReportContext(Context const &) -> bool override { return true; }
  void ReportRuns(std::vector<Run> const &reports) override {
    for (auto run : reports) {
      run.run_name.time_type.clear();
      runs.push_back(std::move(run));
    }
  }

  std::vector<Run> runs;
};

// Google Benchmark 1.8 renamed the field.
template <class Run>
auto failed(Run const &run) -> bool {
  if constexpr (requires { run.error_occurred; }) return run.error_occurred;
  else return run.skipped != decltype(run.skipped){};
}
template <class Run>
auto message(Run const &run) -> std::string {
  if constexpr (requires { run.error_message; }) return run.error_message;
  else return run.skip_message;
}

auto median(std::vector<double> v) -> double {
  std::sort(v.begin(), v.end());
  auto const n = v.size();
  return n % 2 != 0 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

auto cell(double ns) -> std::string {
  char text[32];
  std::snprintf(text, sizeof text, ns < 1 ? "%.3f" : ns < 100 ? "%.2f" : "%.0f", ns);
  return text;
}

using times = std::map<std::string, std::vector<double>>;  // by subject

/// One line of the table; a subject that was not measured leaves its cells empty.
void print(std::string const &row, times const &of) {
  auto const ns = [&](char const *subject) {
    auto const found = of.find(subject);
    return found == of.end() ? 0. : median(found->second);
  };
  auto const shown = [](double v) { return v == 0 ? std::string{} : cell(v); };
  auto const over  = [](double a, double b) {
    char text[32] = "";
    if (a != 0 && b != 0) std::snprintf(text, sizeof text, "%.2f", a / b);
    return std::string{text};
  };
  double const own = ns("pagewright"), hand = ns("by_hand"), limit = ns("limit"), dynamic = ns("pagewright_dynamic");
  std::cout << "| " << row << " | " << shown(own) << " | " << shown(hand) << " | " << over(own, hand) << " | " << shown(limit)
            << " | " << shown(dynamic) << " | " << over(dynamic, hand) << " |" << std::endl;
}

auto parse(int argc, char **argv, options &o, std::vector<std::string> &rest) -> bool {
  for (int i = 1; i < argc; ++i) {
    std::string const arg = argv[i];
    if (arg == "--quick") o.repetitions = "5", o.min_time = "0.003";
    else if (arg == "--full-size") o.full_size = true;
    else if (arg == "--out" && i + 1 < argc) o.out = argv[++i];
    else if (arg == "--filter" && i + 1 < argc) o.filter = argv[++i];
    else if (arg.starts_with("--benchmark_") || arg.starts_with("--v=")) rest.push_back(arg);
    else return false;
  }
  return true;
}

}  // namespace

auto main(int argc, char **argv) -> int {
  options                  o;
  std::vector<std::string> rest;
  if (!parse(argc, argv, o, rest)) {
    std::cerr << usage;
    return 2;
  }

  std::vector<std::string> given{argv[0], std::string{"--benchmark_repetitions="}.append(o.repetitions),
                                 std::string{"--benchmark_min_time="}.append(o.min_time),
                                 "--benchmark_enable_random_interleaving=true"};
  given.insert(given.end(), rest.begin(), rest.end());
  std::vector<char *> words;
  for (auto &word : given) words.push_back(word.data());
  int count = static_cast<int>(words.size());
  words.push_back(nullptr);
  benchmark::Initialize(&count, words.data());
  if (benchmark::ReportUnrecognizedArguments(count, words.data())) return 2;

  std::regex wanted;
  try {
    wanted = std::regex{o.filter};
  } catch (std::regex_error const &wrong) {
    std::cerr << "pagewright_bench: --filter " << o.filter << " is no regular expression: " << wrong.what() << '\n';
    return 2;
  }

  bench::arena memory{(o.full_size ? 5300 : 1100) * bench::MiB};
  bench::suite suite{memory, wanted, o.full_size, {}};
  bench::add_x86_64(suite);
  bench::add_x86_64_dynamic(suite);
  bench::add_arm64(suite);
  bench::add_riscv(suite);
  bench::add_batch(suite);
  std::vector<std::string> rows;
  for (auto const &row : suite.rows)
    if (std::find(rows.begin(), rows.end(), row) == rows.end()) rows.push_back(row);
  if (rows.empty()) {
    std::cerr << "pagewright_bench: no benchmark is called anything like " << o.filter << "; try --filter map\n";
    return 2;
  }

  collector all;
  int       errors = 0;
  std::cout << "ns per page, leaf, lookup or pair; medians\n\n"
               "| row | pagewright | by_hand | ratio | limit | dynamic | ratio |\n|---|---:|---:|---:|---:|---:|---:|\n";
  for (auto const &row : rows) {
    auto const from = all.runs.size();
    std::string only{"^"};
    only.append(row).append("/[a-z_]+/manual_time$");
    benchmark::RunSpecifiedBenchmarks(&all, nullptr, only);
    times of;
    for (auto i = from; i < all.runs.size(); ++i) {
      auto const &run = all.runs[i];
      if (failed(run)) {
        std::cerr << "pagewright_bench: " << run.benchmark_name() << ": " << message(run) << '\n';
        ++errors;
      } else if (run.run_type == benchmark::BenchmarkReporter::Run::RT_Iteration) {
        of[run.run_name.function_name.substr(row.size() + 1)].push_back(run.counters.at("ns_per_page").value);
      }
    }
    print(row, of);
  }

  if (!o.out.empty()) {
    std::ofstream file{o.out};
    benchmark::JSONReporter json;
    json.SetOutputStream(&file);
    json.SetErrorStream(&std::cerr);
    json.ReportContext(benchmark::BenchmarkReporter::Context{});
    json.ReportRuns(all.runs);
    json.Finalize();
    file.close();
    if (!file) {
      std::cerr << "pagewright_bench: cannot write " << o.out << "; give --out a file in a directory that exists\n";
      return 1;
    }
  }
  return errors == 0 ? 0 : 1;
}

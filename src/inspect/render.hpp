// SPDX-License-Identifier: MIT
// Results as text. docs/json.md is the contract of the JSON; the tables are for people and may change.
#pragma once

#include <string>
#include <vector>

#include <image/image.hpp>

#include "json.hpp"
#include "row.hpp"
#include "walks.hpp"

namespace pagewright::inspect {

/// What the results are about.
struct subject {
  image::image const *source;
  machine const      *translated;
};

struct style {
  bool colour = false;
  bool header = true;    // titles and totals around a table, names above CSV columns
  bool raw    = false;   // one line per leaf, with its slot and entry
  bool trace  = true;    // each level of a walk
  bool access = false;   // CSV: the columns of an access that was asked for
};

enum class layout : u8 { table, json, ndjson, csv };

// --- dump: models of dump_sink, and `finish` at the end ---------------------------------------------------------

class table_dump {
 public:
  table_dump(output_file &out, style look) noexcept : out_{out}, look_{look} {}
  void begin(view const &v);
  void mapped(mapped_row const &r);
  void blocked(blocked_row const &b);
  void finish(dump_totals const &t);
  [[nodiscard]] auto failed() const noexcept -> bool { return out_.failed(); }

 private:
  output_file &out_;
  style        look_;
  view const  *view_ = nullptr;
};

class json_dump {
 public:
  /// `lines`: one object per line and nothing around them.
  json_dump(output_file &out, subject s, style look, bool lines);
  void begin(view const &v) noexcept { view_ = &v; }
  void mapped(mapped_row const &r);
  void blocked(blocked_row const &b);
  void finish(dump_totals const &t);
  [[nodiscard]] auto failed() const noexcept -> bool { return json_.failed(); }

 private:
  struct held_block {
    blocked_row row;
    view const *through;
  };
  void write(held_block const &b);
  void write(repetitions const &r);

  json_writer             json_;
  style                   look_;
  bool                    lines_;
  view const             *view_ = nullptr;
  std::vector<held_block> blocked_;    // they follow the ranges
};

class csv_dump {
 public:
  csv_dump(output_file &out, style look);
  void begin(view const &) noexcept {}
  void mapped(mapped_row const &r);
  void blocked(blocked_row const &b);
  void finish(dump_totals const &) noexcept {}
  [[nodiscard]] auto failed() const noexcept -> bool { return out_.failed(); }

 private:
  output_file &out_;
  style        look_;
};

// --- walk -------------------------------------------------------------------------------------------------------

class table_walks {
 public:
  table_walks(output_file &out, subject s, style look)
      : out_{out}, subject_{s}, look_{look}, fields_{field_tables(*s.translated)} {}
  void show(explained_walk const &w);
  void finish();

 private:
  output_file             &out_;
  subject                  subject_;
  style                    look_;
  std::vector<field_table> fields_;
};

class json_walks {
 public:
  json_walks(output_file &out, subject s, style look, bool lines);
  void show(explained_walk const &w);
  void finish();

 private:
  void write(explained_step const &s, view const &v, field_table const &fields);
  void write(access_report const &r);

  json_writer              json_;
  subject                  subject_;
  style                    look_;
  bool                     lines_;
  std::vector<field_table> fields_;
};

class csv_walks {
 public:
  csv_walks(output_file &out, style look);
  void show(explained_walk const &w);
  void finish() noexcept {}

 private:
  output_file &out_;
  style        look_;
};

// --- info -------------------------------------------------------------------------------------------------------

/// What the image is. `why_not`: what keeps it from being translated, if anything; then `s.translated` is null.
void table_info(output_file &out, subject s, std::string const &why_not, style look);
void json_info(output_file &out, subject s, std::string const &why_not);

}  // namespace pagewright::inspect

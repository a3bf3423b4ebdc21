// The page about a search of formats: mixes against energy and bits, what each layer loses, and why
// it keeps the format that it has.
#include <fmt/format.h>

#include "sim/output/text.h"
#include "sim/output/text_file.h"
#include "sim/report/report_accuracy.h"
#include "sim/report/report_parts.h"

namespace bitjoule {
namespace {

namespace json = boost::json;

double number(const json::value& of, const char* key) { return of.at(key).to_number<double>(); }
std::string text(const json::value& of, const char* key) {
  return std::string(of.at(key).as_string());
}
std::string digits(double value) { return fmt::format("{:.4g}", value); }
/// A format as tables name it, "int4, per_channel" of {format: int4, granularity: per_channel}.
std::string plain(std::string format) {
  if (format.empty() || format.front() != '{' || format.find('{', 1) != std::string::npos)
    return format;
  for (const char* key : {"{format: ", "granularity: ", "}"})
    if (const std::size_t at = format.find(key); at != std::string::npos)
      format.erase(at, std::string(key).size());
  return format;
}

class TunePage {
 public:
  explicit TunePage(json::value tune)
      : tune_(std::move(tune)), metric_(text(tune_, "metric")), unit_(text(tune_, "objective")) {}

  std::string html() const {
    json::array charts;
    charts.push_back(chart("mixes", "Accuracy against " + unit_, "objective", unit_));
    charts.push_back(
        chart("bits", "Accuracy against bits per weight", "bits_per_weight", "bits per weight"));
    json::array labels, cells, baselines;
    for (const json::value& mix : mixes()) {
      cells.push_back(json::array{labels.size()});
      labels.emplace_back(plain(text(mix, "name")));
      baselines.emplace_back(nullptr);
    }
    const json::object column = {{"title", "mix"}, {"values", labels}, {"numbers", nullptr}};
    const json::object data = {
        {"what", "mixes"}, {"columns", json::array{column}}, {"labels", labels}, {"cells", cells},
        {"baseline", ""},  {"baselines", baselines},         {"charts", charts}};
    const std::string title = "Formats within " + text(tune_, "budget");
    return html::page(title,
                      fmt::format("<h1>{}</h1>\n<p class=\"verdict\">{}</p>\n", html::escape(title),
                                  html::escape(verdict())) +
                          chart_sections(data) + html::section("Mixes", mix_table()) +
                          html::section("What each layer keeps, and why", choice_table()) +
                          html::section("What each layer loses alone", sensitivity_table()),
                      data);
  }

 private:
  const json::array& mixes() const { return tune_.at("mixes").as_array(); }
  const json::array& groups() const { return tune_.at("groups").as_array(); }

  const json::value& best() const {
    for (const json::value& mix : mixes())
      if (mix.at("best").as_bool()) return mix;
    return mixes().front();
  }

  std::string verdict() const {
    const json::value& from = mixes().front();
    return fmt::format("{}: {} {} ({} {}), {} {} ({} {}), {:.2f} bits per weight.",
                       text(best(), "name"), unit_, digits(number(best(), "objective")),
                       text(from, "name"), digits(number(from, "objective")), metric_,
                       digits(number(best(), "value")), text(from, "name"),
                       digits(number(from, "value")), number(best(), "bits_per_weight"));
  }

  json::object chart(const char* id, const std::string& title, const char* key,
                     const std::string& axis) const {
    json::array x, y, front, workloads;
    for (std::size_t i = 0; i < mixes().size(); ++i) {
      x.push_back(mixes()[i].at(key));
      y.push_back(mixes()[i].at("value"));
      workloads.emplace_back(0);
      if (mixes()[i].at("front").as_bool()) front.emplace_back(i);
    }
    return {{"id", id},
            {"kind", "points"},
            {"title", title},
            {"asks", "What does a bit less of accuracy save?"},
            {"x", {{"axis", axis}, {"unit", ""}, {"hint", "less is better"}, {"values", x}}},
            {"y", {{"axis", metric_}, {"unit", ""}, {"hint", "less is better"}, {"values", y}}},
            {"workloads", workloads},
            {"front", front}};
  }

  std::string mix_table() const {
    std::vector<std::vector<html::Cell>> rows;
    for (const json::value& mix : mixes()) {
      const bool foreseen = mix.at("predicted").is_number();
      const bool told = mix.at("told").as_bool();
      std::string note = mix.at("best").as_bool() ? "the best" : "";
      if (!told && &mix != &mixes().front())
        note += std::string(note.empty() ? "" : "; ") + "loss below its error";
      rows.push_back(
          {{plain(text(mix, "name")), {}},
           {digits(number(mix, "objective")), number(mix, "objective")},
           {fmt::format("{:.2f}", number(mix, "bits_per_weight")), number(mix, "bits_per_weight")},
           {digits(number(mix, "value")), number(mix, "value")},
           {foreseen ? digits(number(mix, "predicted")) : "",
            foreseen ? std::optional(number(mix, "predicted")) : std::nullopt},
           {fmt::format("{:.3g} ± {:.1g}", number(mix, "kl"), number(mix, "kl_error")),
            number(mix, "kl")},
           {note, {}}});
    }
    return html::table({"", unit_, "bits per weight", metric_, "foreseen", "KL, nats", ""}, rows,
                       true);
  }

  /// Of a group: its format, and what the next cheaper one would have saved and lost.
  std::string choice_table() const {
    std::vector<std::vector<html::Cell>> rows;
    for (const json::value& group : groups()) {
      const std::string chosen = text(group, "chosen");
      double change = 0, lost = 0;
      for (const json::value& choice : group.at("choices").as_array())
        if (text(choice, "format") == chosen) {
          change = number(choice, "change");
          lost = number(choice, "loss");
        }
      std::string why = "nothing given costs less";
      const json::value* next = nullptr;
      for (const json::value& choice : group.at("choices").as_array())
        if (number(choice, "change") < change &&
            (next == nullptr || number(choice, "change") > number(*next, "change")))
          next = &choice;
      if (next != nullptr)
        why = fmt::format("{} would save {} more for {} nats more, {:.0f} % of the budget",
                          plain(text(*next, "format")), digits(change - number(*next, "change")),
                          digits(number(*next, "loss") - lost),
                          100 * (number(*next, "loss") - lost) / number(tune_, "allowed"));
      rows.push_back({{text(group, "name"), {}},
                      {with_commas(static_cast<std::int64_t>(number(group, "weights"))),
                       number(group, "weights")},
                      {plain(chosen), {}},
                      {digits(change), change},
                      {digits(lost), lost},
                      {why, {}}});
    }
    return html::table({"layers", "weights", "format", unit_ + ", change", "loss alone, nats",
                        "why no cheaper one"},
                       rows);
  }

  std::string sensitivity_table() const {
    std::vector<std::vector<html::Cell>> rows;
    for (const json::value& group : groups())
      for (const json::value& choice : group.at("choices").as_array()) {
        const double kl = number(choice, "kl"), error = number(choice, "kl_error");
        rows.push_back({{text(group, "name"), {}},
                        {plain(text(choice, "format")), {}},
                        {digits(number(choice, "change")), number(choice, "change")},
                        {digits(number(choice, "loss")), number(choice, "loss")},
                        {fmt::format("{:.3g} ± {:.1g}{}", kl, error,
                                     kl < error ? ": smaller than its error" : ""),
                         kl}});
      }
    return html::table({"layers", "format", unit_ + ", change", "loss, nats", "KL, nats"}, rows);
  }

  json::value tune_;
  std::string metric_, unit_;
};

}  // namespace

std::string tune_report(const std::string& file) {
  return TunePage(json::parse(read_text_file(file))).html();
}

}  // namespace bitjoule
